"""What ``python -m scripts.datalists build`` and ``join`` take, and what they say."""

import argparse
import ast
import re
from collections import Counter
from pathlib import Path
from typing import Any

from .building import ONE_SCAN, Marks, build_datalist
from .joining import join_datalists
from .layouts import LAYOUTS, Request, first_names
from .schema import LISTS
from .splitting import SplitPlan

__all__ = ["add_build", "add_join"]

PLAN = SplitPlan()


def add_build(parser: argparse.ArgumentParser) -> None:
    """Declare what ``build`` takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "layouts, and what ROOT holds:\n" + "\n".join(
        f"  {name:12} {layout.tree}" for name, layout in LAYOUTS.items()
    )
    add = parser.add_argument
    add("layout", metavar="LAYOUT", help="how the data set is laid out, see below")
    add("root", metavar="ROOT", type=Path, help="folder of the data set")
    _add_output(parser)
    add("--csv", type=Path, help="table that goes with the tree")
    _add_classes(parser, "those of the layout")
    add("--negatives_are", metavar="0|1|left_out", help="class of those only known not to have COVID-19")
    add("--series", metavar="all", help="DICOM: each axial series is a scan, not one a study")
    add("--source", help="name of the source, for layouts without one (default: the table's name)")
    add("--skip_missing", action="store_true", help="leave out scans that a table names but the tree lacks")
    add("--window", type=float, nargs=2, metavar=("LEVEL", "WIDTH"), help="of 8-bit slices, in HU, if known")
    add(
        "--one_scan_per_patient",
        choices=ONE_SCAN,
        help="keep one scan of each patient: with the smallest distance from slice to slice, or the first",
    )
    _add_split(parser)
    add("--hash_files", action="store_true", help="hash the files' contents, not only names and sizes: slow")
    parser.set_defaults(run=_build)


def add_join(parser: argparse.ArgumentParser) -> None:
    """Declare what ``join`` takes."""
    add = parser.add_argument
    add("datalists", metavar="datalist.json", nargs="+", type=Path, help="two or more, built or made by hand")
    _add_output(parser)
    _add_classes(parser, "those of all datalists together")
    add("--sources", nargs="+", metavar="NAME", help="a name for each datalist's source, in order")
    add("--same_patients", action="store_true", help="patients of one source and name are the same people")
    _add_split(parser)
    add(
        "--audit",
        choices=("headers", "voxels", "none"),
        default="headers",
        help="audit the whole afterwards (default: %(default)s)",
    )
    parser.set_defaults(run=_join)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="the datalist.json to write; paths are relative to its folder",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace another datalist")
    parser.add_argument("--name", help="of the datalist (default: what it is made from, and its hash)")


def _add_classes(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help=f"the classes, the negative one first (default: {default})",
    )
    parser.add_argument(
        "--label_mapping",
        type=_mapping,
        metavar="{LABEL: NAME, ...}",
        help="merge classes, or leave their scans out: \"{'other pneumonia': None}\"",
    )


def _add_split(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for name, use in (("validation", "selects checkpoints"), ("test", "is only reported on")):
        either = parser.add_mutually_exclusive_group()
        default = f"(default: {getattr(PLAN, name)})"
        either.add_argument(
            f"--{name}", type=float, help=f"share of each class's patients that {use} {default}"
        )
        either.add_argument(
            f"--{name}_per_class", type=int, metavar="N", help="or so many patients of each class"
        )
    add("--folds", type=int, default=PLAN.folds, help="of the training list; 0: none (default: %(default)s)")
    add("--random_folds", action="store_true", help="draw folds without regard to class")
    add("--seed", type=int, default=PLAN.seed, help="of the split (default: %(default)s)")
    add("--keep_split", action="store_true", help="keep the lists that are there, if they part no patient")


def _plan(options: argparse.Namespace) -> SplitPlan:
    """Return the split asked for; a test set of all scans leaves none to select on."""
    validation, test = options.validation, options.test
    if validation is None:
        validation = 0.0 if test == 1 else PLAN.validation
    return SplitPlan(
        validation,
        PLAN.test if test is None else test,
        options.folds,
        options.seed,
        options.keep_split,
        options.validation_per_class,
        options.test_per_class,
        options.random_folds,
    )


def _build(options: argparse.Namespace) -> None:
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
    window = tuple(options.window) if options.window else None
    marks = Marks(
        options.name, window, options.hash_files, options.one_scan_per_patient, progress=options.hash_files
    )
    content = build_datalist(
        options.layout, request, options.output, _plan(options), marks, options.overwrite
    )
    print("\n".join(_summary(content)))
    print(options.output)


def _join(options: argparse.Namespace) -> None:
    """Join the datalists, say what is in them, and audit the whole."""
    content = join_datalists(
        options.datalists,
        options.output,
        _plan(options),
        options.sources,
        options.classes,
        options.label_mapping,
        options.same_patients,
        options.name,
        options.overwrite,
    )
    print("\n".join(_summary(content)))
    print(options.output)
    if options.audit != "none":
        from scripts.__main__ import main as run_tool  # which imports this room

        run_tool(["audit", str(options.output), *(["--headers"] if options.audit == "headers" else [])])


def _summary(content: dict[str, Any]) -> list[str]:
    lines = []
    classes = content["classes"]
    for name in LISTS:
        patients = len({item["patient"] for item in content[name]})
        lines.append(
            f"{name}: {len(content[name])} scans of {patients} patients ({_counts(content[name], classes)})"
        )
    by_source: dict[str, list[dict[str, Any]]] = {}
    for item in [item for name in LISTS for item in content[name]]:
        by_source.setdefault(item.get("source") or "", []).append(item)
    if len(by_source) > 1:
        lines += [
            f"source {source}: {_counts(items, classes)}" for source, items in sorted(by_source.items())
        ]
    lines += [
        f"left out: {entry['count']} {reason}: {first_names(entry['first'] + [''] * (entry['count'] > 5), 5)}"
        for reason, entry in content["left_out"].items()
    ]
    return lines + [f"note: {note}" for note in content["notes"]]


def _counts(items: list[dict[str, Any]], classes: list[str]) -> str:
    counts = Counter(item["label"] for item in items)
    return ", ".join(f"{counts[label]} {title}" for label, title in enumerate(classes))


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
