"""Export a checkpoint as TorchScript, torch.export and ONNX, and prove that each answers alike.

python -m scripts.delivery.export --ckpt_path RUN/model.pt --output_dir EXPORT
    [--scans SCANS...] [--forms torchscript torch_export onnx]

All is taken from the checkpoint's model file: network, grid, window, region, classes. Without --scans the
proof runs on two phantoms. Writes model.ts, model.pt2, model.onnx and export.json; the exit status is 1 when
a form differs by more than the tolerance.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose

from scripts.answering import load_model
from scripts.checkpoints import ModelFile
from scripts.errors import UserError, show_user_errors_in_one_line
from scripts.files import sha256_of, write_json, write_nifti, write_whole
from scripts.phantoms import draw_phantom
from scripts.scans import scan_items

from .forms import FORMS, Source, check_packages
from .resolved import config_of_model, resolved_metadata, resolved_text

__all__ = ["allowed_difference", "export", "largest_difference", "main"]

PHANTOM_SHAPE = (96, 96, 72)


def export(
    ckpt_path: str | Path,
    output_dir: str | Path,
    scans: Sequence[str | Path] = (),
    forms: Sequence[str] = tuple(FORMS),
    tolerance: float = 1e-4,
) -> dict[str, Any]:
    """Write a checkpoint's forms and the record of how far each differs from eager PyTorch.

    Args:
        ckpt_path: with its model file beside it.
        output_dir: gains the forms and ``export.json``.
        scans: files and folders that the proof runs on; none: two phantoms.
        forms: of ``torchscript``, ``torch_export``, ``onnx``.
        tolerance: of a logit, absolute, times the largest logit where that is above 1.

    Returns:
        What ``export.json`` holds.

    Raises:
        UserError: the checkpoint has no model file or is not the one that it describes, a scan is refused, a
            package is missing, or a form differs.
    """
    chosen = {name: FORMS[name] for name in forms}
    check_packages(chosen)
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    model = load_model(ckpt_path, torch.device("cpu"))
    network, described = model.network, model.files[0]
    parser = config_of_model("inference", described)
    names, grids = _grids(model.preprocessing, scans)
    record = _record(parser, described, names)
    with torch.no_grad():
        record["allowed_difference"] = allowed_difference(network(grids), tolerance)
    with tempfile.TemporaryDirectory() as texts:
        config, metadata = _write_texts(parser, described, record, Path(texts))
        source = Source(network, Path(ckpt_path), config, metadata, torch.rand(2, *grids.shape[1:]))
        for name, form in chosen.items():
            path = folder / form.file_name
            form.write(source, path)
            record["forms"][name] = _entry(path, largest_difference(network, form.read(path), grids))
    write_json(folder / "export.json", record)
    _fail_if_different(record, folder)
    return record


def _record(parser: ConfigParser, described: ModelFile, scans: list[str]) -> dict[str, Any]:
    calibration = described.calibration
    return {
        "output": "logits; divide by the temperature, then softmax",
        "class_names": described.classes,
        "temperature": calibration.temperature if calibration else 1.0,
        "weights_sha256": described.weights_sha256,
        "version": parser["_meta_::version"],
        "compared_on": scans,
        "forms": {},
    }


def _entry(path: Path, difference: float) -> dict[str, Any]:
    return {
        "file": path.name,
        "sha256": sha256_of(path),
        "largest_difference": difference,
    }


def _grids(transform: Compose, scans: Sequence[str | Path]) -> tuple[list[str], torch.Tensor]:
    """Preprocess the scans as inference does; return their names and grids ``(N, 1, R, A, S)``."""
    with tempfile.TemporaryDirectory() as folder:
        if not scans:
            scans = [_write_phantom(Path(folder, f"phantom_{label}.nii.gz"), label) for label in (0, 2)]
        items = scan_items(scans)
        try:
            grids = [transform(item)["image"].as_tensor() for item in items]
        except RuntimeError as error:
            raise UserError(f"a scan cannot be compared on: {error.__cause__ or error}") from error
    return [item["name"] for item in items], torch.stack(grids)


def _write_phantom(path: Path, label: int) -> Path:
    phantom = draw_phantom(0, label, PHANTOM_SHAPE)
    write_nifti(path, nibabel.Nifti1Image(phantom.hounsfield, phantom.affine))
    return path


def _write_texts(
    parser: ConfigParser, described: ModelFile, record: dict[str, Any], folder: Path
) -> tuple[Path, Path]:
    """Write the config of the model file, and the metadata with what the record says of the weights."""
    config, metadata = folder / "inference.json", folder / "metadata.json"
    write_whole(config, resolved_text(parser))
    known = ("output", "class_names", "temperature", "weights_sha256")
    content = resolved_metadata(parser, described) | {"export": {key: record[key] for key in known}}
    write_json(metadata, content)
    return config, metadata


def _fail_if_different(record: dict[str, Any], folder: Path) -> None:
    allowed = record["allowed_difference"]
    for entry in record["forms"].values():
        path, difference = folder / entry["file"], entry["largest_difference"]
        print(f"{path}: logits differ from eager by {difference:.2g} at most")
        if not difference <= allowed:
            raise UserError(
                f"{path}: logits differ from the network's by {difference:.2g}, over {allowed:.2g}"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.delivery.export", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--ckpt_path", required=True, help="model.pt, with its model file")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--scans", nargs="+", default=[], help="files and folders; none: two phantoms")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--tolerance", type=float, default=1e-4)
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    record = export(
        options.ckpt_path,
        options.output_dir,
        options.scans,
        options.forms,
        options.tolerance,
    )
    worst = max(entry["largest_difference"] for entry in record["forms"].values())
    print(
        f"{', '.join(record['forms'])} answer as eager PyTorch does for {len(record['compared_on'])} scans: "
        f"logits within {worst:.2g} (allowed {record['allowed_difference']:.2g})"
    )


def largest_difference(
    eager: Callable[[torch.Tensor], torch.Tensor],
    exported: Callable[[torch.Tensor], torch.Tensor],
    grids: torch.Tensor,
) -> float:
    """Return the largest absolute difference of two networks' logits, scan by scan and for all scans at once.

    Args:
        eager: maps grids to logits.
        exported: the same network in another form.
        grids: ``(N, 1, R, A, S)``.

    Raises:
        UserError: the answers have different shapes or are no numbers.
    """
    worst = 0.0
    with torch.inference_mode():
        for batch in (*grids.split(1), grids):
            ours, theirs = eager(batch), exported(batch)
            if ours.shape != theirs.shape or not torch.isfinite(theirs).all():
                raise UserError(f"the export answers {theirs.tolist()}, the network {ours.tolist()}")
            worst = max(worst, float((ours - theirs).abs().max()))
    return worst


def allowed_difference(logits: torch.Tensor, tolerance: float) -> float:
    """Return what logits may differ by: the tolerance, times the largest logit where that is above 1."""
    return tolerance * max(1.0, float(logits.abs().max()))


if __name__ == "__main__":
    main()
