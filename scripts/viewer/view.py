"""Look at answered scans in a browser: ``python -m scripts view ANSWERS``.

Writes ``ANSWERS/view/index.html``: three planes to scroll through, the heat map, the lobes, display windows
and probabilities. The folder works offline, without a server, also when it is moved; it holds the scans'
voxels.
"""

import argparse
import base64
import gzip
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts.errors import UserError
from scripts.files import write_whole
from scripts.statistics import class_columns, read_predictions

__all__ = ["main", "write_view"]

HERE = Path(__file__).parent
LIBRARY = HERE / "niivue" / "niivue.umd.js"
LOWEST, HIGHEST = -1024, 3071  # HU; what a scanner of 12 bits gives


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page of the answers that the command line names; return 1 if a scan cannot be shown."""
    parser = argparse.ArgumentParser(prog="python -m scripts view", description=__doc__)
    parser.add_argument("answers", type=Path, help="the folder that `run inference` wrote")
    parser.add_argument(
        "--scans",
        nargs="+",
        default=(),
        help="as inference was given them; without, what the network saw is shown",
    )
    parser.add_argument(
        "--lobes", type=Path, help="the folder that `run inference` with inference_lobes.yaml wrote"
    )
    parser.add_argument(
        "--longest_axis", type=int, default=256, help="voxels; a scan with more along an axis is thinned"
    )
    options = parser.parse_args(arguments)
    try:
        page, missing = write_view(options.answers, options.scans, options.lobes, options.longest_axis)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in missing:
        print(f"not shown: {line}", file=sys.stderr)
    print(f"{page}: open it in a browser; it holds the voxels of the scans")
    return 1 if missing else 0


def write_view(
    answers: Path, scans: Sequence[str | Path] = (), lobes: Path | None = None, longest_axis: int = 256
) -> tuple[Path, list[str]]:
    """Write the page beside the answers.

    Args:
        answers: the folder of an inference; of one with ``--explain True`` the heat maps are shown too.
        scans: as inference was given them. Answers do not say where scans lie, since folders may be named
            after people; a scan that is not named here is shown as the network saw it.
        lobes: the folder of an inference of lobes for the same scans.
        longest_axis: voxels along an axis, at most.

    Returns:
        The page, and a line for each scan that was answered but cannot be shown.

    Raises:
        UserError: the folder has no answers of this version, or ``longest_axis`` is not positive.
    """
    if longest_axis < 1:
        raise UserError(f"longest_axis={longest_axis}: expected a positive number of voxels")
    content = _read(answers)
    sources = _sources(scans) if scans else {}
    names, label_maps = ((), {}) if lobes is None else _lobe_maps(lobes)
    maxima = _maxima(answers)
    folder = answers / "view"
    shutil.rmtree(folder / "scans", ignore_errors=True)
    rows, missing = [], []
    for number, row in enumerate(content["predictions"]):
        shown = _shown(row, content["settings"]["model"]["classes"]) | {"maximum": maxima.get(row["image"])}
        if row["prediction"]:
            files = {
                "scan": answers / "grids" / Path(row["heat_map"]).name if row["heat_map"] else None,
                "heat": answers / row["heat_map"] if row["heat_map"] else None,
                "lobes": label_maps.get(row["image"]),
            }
            try:
                volumes = _volumes(row["image"], files, sources.get(row["image"]), longest_axis)
                shown["file"] = f"scans/{number:04d}.js"
                write_whole(folder / shown["file"], f"receive({json.dumps(volumes)});\n")
            except UserError as error:
                missing.append(str(error))
                shown["reason"] = f"not shown: {error}"
        rows.append(shown)
    write_whole(folder / LIBRARY.name, LIBRARY.read_bytes())
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("view.html").render(
        rows=rows, lobes=names, version=content["version"], folder=answers.absolute().name
    )
    write_whole(folder / "index.html", page)
    return folder / "index.html", missing


def _read(answers: Path) -> dict[str, Any]:
    path = answers / "predictions.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; name the folder that `run inference` wrote") from None
    except ValueError as error:
        raise UserError(f"{path}: no JSON ({error}); run inference again") from None
    if not isinstance(content, dict) or not {"predictions", "settings", "version"} <= content.keys():
        raise UserError(f"{path}: is not of an inference; run inference again")
    return content


def _sources(scans: Sequence[str | Path]) -> dict[str, Mapping[str, Any]]:
    """Return the items of scans by their names; imported here, as the page of grids does without torch."""
    from scripts.scans import scan_items

    return {item["name"]: item for item in scan_items(scans)}


def _lobe_maps(folder: Path) -> tuple[Sequence[str], dict[str, Path]]:
    """Return the lobes in the order of their labels, and the label map of each scan by its name."""
    from scripts.lobes import LOBES

    rows = read_predictions(folder / "lobes.csv")
    return LOBES, {row["image"]: folder / row["lobe_map"] for row in rows if row["lobe_map"]}


def _maxima(answers: Path) -> dict[str, list[float]]:
    """Return where each heat map is highest, world mm (RAS+): there the page opens."""
    path = answers / "heat_maps.csv"
    rows = read_predictions(path) if path.is_file() else []
    columns = ("maximum_r", "maximum_a", "maximum_s")
    return {row["image"]: [float(row[column]) for column in columns] for row in rows if row[columns[0]]}


def _shown(row: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return what the page says of a scan."""
    values = [row[column] for column in class_columns(classes)] if row["prediction"] else []
    return {
        "name": row["image"],
        "prediction": row["prediction"],
        "probabilities": list(zip(classes, values, strict=False)),
        "abstain": row["abstain"],
        "reason": row["reason"],
        "flags": row["flags"],
        "file": "",
    }


def _volumes(
    name: str, files: Mapping[str, Path | None], item: Mapping[str, Any] | None, longest_axis: int
) -> dict[str, str]:
    """Return a scan and its overlays as compressed NIfTI in base64."""
    if item is None and not (files["scan"] and files["scan"].is_file()):
        raise UserError(f"{name}: name it with --scans, or run inference with --explain True")
    found = {}
    for kind, path in files.items():
        if kind == "scan" and item is not None:
            found[kind] = _thinned(item, name, longest_axis)
        elif path is not None:
            try:
                found[kind] = path.read_bytes()
            except OSError as error:
                raise UserError(f"{name}: {path}: {error.strerror}; run inference again") from None
    return {kind: base64.b64encode(content).decode() for kind, content in found.items()}


def _thinned(item: Mapping[str, Any], name: str, longest_axis: int) -> bytes:
    """Return a scan as compressed NIfTI of at most so many voxels along an axis."""
    from scripts.scans import Declaration, read_checked_scan
    from scripts.transforms import WholeScanRegion, scan_to_grid

    scan, _ = read_checked_scan(item["image"], Declaration.of(item, name), name)
    shape = np.minimum(scan.voxels.shape, longest_axis).tolist()
    volume, affine = scan_to_grid(scan, WholeScanRegion()(scan), shape)
    voxels = volume.round_().clamp_(LOWEST, HIGHEST).numpy().astype(np.int16)
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), compresslevel=5)


if __name__ == "__main__":
    sys.exit(main())
