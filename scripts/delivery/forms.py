"""The forms a network leaves in: one function that writes a form, and one that reads it back to run it.

Every form is one file that maps ``image``, ``(B, 1, R, A, S)`` in 0..1, to ``pred``, logits ``(B, C)``, for
any B, and carries the same two JSON texts: ``metadata.json``, and ``inference.json`` with the recipe applied.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from monai.bundle import ckpt_export
from torch import nn

from scripts.errors import UserError
from scripts.files import write_whole

__all__ = ["FORMS", "Form", "Source", "check_packages"]

Runner = Callable[[torch.Tensor], torch.Tensor]
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Source:
    """What is exported.

    Attributes:
        network: eager, in eval mode, with its weights.
        ckpt_path: the file of the weights.
        config: path of ``inference.json``.
        metadata: path of ``metadata.json``.
        example: a batch of two grids.
    """

    network: nn.Module
    ckpt_path: Path
    config: Path
    metadata: Path
    example: torch.Tensor

    @cached_property
    def program(self) -> torch.export.ExportedProgram:
        """The network as a graph, for batches of any size."""
        batch = torch.export.Dim("batch")
        return torch.export.export(self.network, (self.example,), dynamic_shapes=({0: batch},))

    def texts(self) -> dict[str, str]:
        """Return the JSON texts that every form carries, by file name."""
        return {
            "metadata.json": self.metadata.read_text(encoding="utf-8"),
            "inference.json": self.config.read_text(encoding="utf-8"),
        }


@dataclass(frozen=True)
class Form:
    """One form.

    Attributes:
        file_name: of the export.
        write: writes it to a path.
        read: returns a function from a batch of grids to logits.
    """

    file_name: str
    write: Callable[[Source, Path], None]
    read: Callable[[Path], Runner]


def check_packages(forms: Mapping[str, Form]) -> None:
    """Refuse early what cannot be written here.

    Raises:
        UserError: the packages for ONNX are not installed.
    """
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if "onnx" in forms and missing:
        raise UserError(
            f"ONNX needs {', '.join(missing)}: pip install --requirement requirements-export.txt, "
            f"or choose --forms torchscript torch_export"
        )


def _write_torchscript(source: Source, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, path.name)  # its final name: MONAI's clients look inside for that name
        ckpt_export(
            net_id="network_def",
            filepath=str(made),
            ckpt_file=str(source.ckpt_path),
            meta_file=str(source.metadata),
            config_file=str(source.config),
        )
        write_whole(path, made.read_bytes())


def _read_torchscript(path: Path) -> Runner:
    return torch.jit.load(path)


def _write_torch_export(source: Source, path: Path) -> None:
    write_whole(path, lambda file: torch.export.save(source.program, file, extra_files=source.texts()))


def _read_torch_export(path: Path) -> Runner:
    return torch.export.load(path).module()


def _write_onnx(source: Source, path: Path) -> None:
    import onnx

    exported = torch.onnx.export(
        source.program, (), input_names=["image"], output_names=["pred"], dynamo=True
    )
    model = cast(torch.onnx.ONNXProgram, exported).model_proto
    onnx.helper.set_model_props(model, source.texts())
    onnx.checker.check_model(model, full_check=True)
    write_whole(path, model.SerializeToString())


def _read_onnx(path: Path) -> Runner:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda grids: torch.from_numpy(session.run(["pred"], {"image": grids.numpy()})[0])


FORMS = {
    "torchscript": Form("model.ts", _write_torchscript, _read_torchscript),
    "torch_export": Form("model.pt2", _write_torch_export, _read_torch_export),
    "onnx": Form("model.onnx", _write_onnx, _read_onnx),
}
