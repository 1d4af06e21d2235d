"""The bundle's tools: ``python -m scripts TOOL [arguments]``; ``TOOL --help`` says what one takes."""

import difflib
import importlib
import sys
from collections.abc import Sequence

from scripts import bundle_version
from scripts.errors import show_user_errors_in_one_line

__all__ = ["TOOLS", "main"]

TOOLS = {  # name: its module, whose `main` reads `sys.argv`; and what it is for
    "run": ("scripts.command_line", "what `python -m monai.bundle run` runs, with every mistake in one line"),
    "describe": (
        "scripts.checkpoints.describing",
        "say what a checkpoint from elsewhere is: write its model file",
    ),
    "audit": ("scripts.audit.__main__", "find what is wrong with a datalist and its scans"),
    "clean": ("scripts.audit.cleaning", "take out of a datalist what the reader or the audit refuses"),
    "datalists": ("scripts.datalists.__main__", "build, join, audit or clean a datalist"),
    "phantoms": ("scripts.phantoms.__main__", "write a data set of synthetic chest CT"),
    "phantom-series": ("scripts.phantoms.dicom_series", "write a phantom as a DICOM series"),
    "view": ("scripts.viewer.view", "look at answered scans, with their heat maps, in a browser"),
    "preview": ("scripts.tools.preview", "draw what the network sees of a scan"),
    "lobes-convert": ("scripts.lobes.convert", "renumber a lobe mask made elsewhere"),
    "lobes-measure": ("scripts.lobes.measure", "compare lobe maps with masks"),
    "lobes-preview": ("scripts.tools.lobe_preview", "draw the lobes over a scan"),
    "grid-benchmark": ("scripts.tools.grid_benchmark", "time the way from a file to the grid"),
    "network-benchmark": ("scripts.tools.network_benchmark", "time two networks, forward and in training"),
    "lobes-benchmark": ("scripts.tools.lobe_benchmark", "time the way from a file to its lobes"),
    "heat-map-benchmark": ("scripts.tools.heat_map_benchmark", "time heat maps beside predictions"),
    "precision": ("scripts.tools.precision", "measure what half precision changes"),
    "report": ("scripts.report.__main__", "write the report of a run that is there already"),
    "embed": ("scripts.features.embed_command", "encode scans by an encoder that saw real chests"),
    "transfer": ("scripts.features.transfer", "measure a probe on patients that it does not know"),
    "export": ("scripts.delivery.export", "write TorchScript, torch.export and ONNX, and compare them"),
    "pack": ("scripts.delivery.pack", "pack a release with its weights"),
    "dicom": ("scripts.delivery.dicom.__main__", "write a lobe mask as a DICOM segmentation"),
    "dicom-pictures": ("scripts.delivery.dicom.pictures", "draw DICOM results over their series"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a tool, or list them all.

    Args:
        arguments: the tool's name and its own arguments; None takes the command line's.
    """
    name, *own = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name == "--version":
        print(bundle_version())
        return
    if name in TOOLS:
        sys.argv = [f"python -m scripts {name}", *own]
        show_user_errors_in_one_line()
        raise SystemExit(importlib.import_module(TOOLS[name][0]).main())
    print("usage: python -m scripts TOOL [arguments]\n       python -m scripts --version\n\ntools:")
    for tool, (_, purpose) in TOOLS.items():
        print(f"  {tool:20}{purpose}")
    if name not in ("-h", "--help"):
        alike = difflib.get_close_matches(name, TOOLS, n=1)
        meant = f"; did you mean {alike[0]}?" if alike else ""
        print(f"error: no tool {name!r}{meant}", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
