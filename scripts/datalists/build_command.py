"""``python -m scripts.datalists build LAYOUT ROOT --output datalist.json``."""

import argparse
import ast
import re
from collections import Counter
from pathlib import Path
from typing import Any

from .building import Marks, build_datalist
from .layouts import LAYOUTS, Request, first_names
from .schema import LISTS
from .splits import SplitPlan

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``build`` takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "layouts, and what ROOT holds:\n" + "\n".join(
        f"  {name:12} {layout.tree}" for name, layout in LAYOUTS.items()
    )
    plan = SplitPlan()
    add = parser.add_argument
    add("layout", metavar="LAYOUT", help="how the data set is laid out, see below")
    add("root", metavar="ROOT", type=Path, help="folder of the data set")
    add(
        "--output",
        type=Path,
        required=True,
        help="the datalist.json to write; paths are relative to its folder",
    )
    add("--csv", type=Path, help="table that goes with the tree")
    add(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="the classes, the negative one first (default: those of the layout)",
    )
    add(
        "--label_mapping",
        type=_mapping,
        metavar="{LABEL: NAME, ...}",
        help="merge classes, or leave their scans out: \"{'other pneumonia': None}\"",
    )
    add("--negatives_are", metavar="0|1|left_out", help="class of those only known not to have COVID-19")
    add("--series", metavar="all", help="dicom_tree: each axial series is a scan, not one a study")
    add("--source", help="name of the source, for layouts without one (default: the table's name)")
    add("--skip_missing", action="store_true", help="leave out scans that a table names but the tree lacks")
    add("--window", type=float, nargs=2, metavar=("LEVEL", "WIDTH"), help="of 8-bit slices, in HU, if known")
    add("--folds", type=int, default=plan.folds, help="of the training list (default: %(default)s)")
    add("--validation", type=float, default=plan.validation, help="share of patients (default: %(default)s)")
    add("--test", type=float, default=plan.test, help="share of patients (default: %(default)s)")
    add("--seed", type=int, default=plan.seed, help="of the split (default: %(default)s)")
    add("--keep_split", action="store_true", help="keep the published lists, if they part no patient")
    add("--hash_files", action="store_true", help="hash the files' contents, not only names and sizes: slow")
    add("--name", help="of the datalist (default: layout and hash)")
    add("--overwrite", action="store_true", help="replace another datalist")


def run(options: argparse.Namespace) -> None:
    """Build the datalist, and say what is in it and what is not."""
    request = Request(
        options.root,
        options.csv,
        options.negatives_are,
        options.series,
        options.source,
        options.skip_missing,
        options.classes,
        options.label_mapping,
    )
    plan = SplitPlan(options.validation, options.test, options.folds, options.seed, options.keep_split)
    window = tuple(options.window) if options.window else None
    marks = Marks(options.name, window, options.hash_files, progress=options.hash_files)
    content = build_datalist(options.layout, request, options.output, plan, marks, options.overwrite)
    print("\n".join(_summary(content)))
    print(options.output)


def _summary(content: dict[str, Any]) -> list[str]:
    lines = []
    for name in LISTS:
        counts = Counter(item["label"] for item in content[name])
        patients = len({item["patient"] for item in content[name]})
        classes = ", ".join(f"{counts[label]} {title}" for label, title in enumerate(content["classes"]))
        lines.append(f"{name}: {len(content[name])} scans of {patients} patients ({classes})")
    lines += [
        f"left out: {entry['count']} {reason}: {first_names(entry['first'] + [''] * (entry['count'] > 5), 5)}"
        for reason, entry in content["left_out"].items()
    ]
    return lines + [f"note: {note}" for note in content["notes"]]


def _mapping(text: str) -> dict[Any, Any]:
    """Read a mapping as `run` does: a Python literal, with JSON's null for None."""
    try:
        mapping = ast.literal_eval(re.sub(r"\bnull\b(?=\s*[,}])", "None", text))
    except (ValueError, SyntaxError):
        mapping = None
    if not isinstance(mapping, dict):
        raise argparse.ArgumentTypeError(
            f"{text}; expected {{LABEL: NAME, ...}}, with None to leave scans out"
        )
    return mapping
