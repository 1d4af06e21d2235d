"""What ``python -m scripts.datalists build`` and ``join`` take, and what they say."""

import argparse
import ast
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .building import ONE_SCAN, Marks, build_datalist
from .joining import join_datalists
from .layouts import LAYOUTS, Request, first_names
from .schema import LISTS
from .splitting import SplitPlan

__all__ = ["AND", "add_build", "add_join", "build_several"]

PLAN = SplitPlan()
AND = "+"  # parts the data sets of one build
OF_ONE_SET = (  # options that stand behind their data set; all others are of the whole
    "layout", "root", "csv", "label_mapping", "negatives_are", "series", "source", "skip_missing", "window",
    "one_scan_per_patient",
)  # fmt: skip


def add_build(parser: argparse.ArgumentParser) -> None:
    """Declare what ``build`` takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = f"%(prog)s LAYOUT ROOT [options] [{AND} LAYOUT ROOT [options] ...] --output datalist.json"
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
    _add_joining(parser)
    add("--hash_files", action="store_true", help="hash the files' contents, not only names and sizes: slow")
    parser.set_defaults(run=_build)


def add_join(parser: argparse.ArgumentParser) -> None:
    """Declare what ``join`` takes."""
    add = parser.add_argument
    add("datalists", metavar="datalist.json", nargs="+", type=Path, help="two or more, built or made by hand")
    _add_output(parser)
    _add_classes(parser, "those of all datalists together")
    _add_split(parser)
    _add_joining(parser)
    parser.set_defaults(run=_join)


def _add_joining(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("of several data sets").add_argument
    add("--sources", nargs="+", metavar="NAME", help="a name for the source of each, in order")
    add("--same_patients", action="store_true", help="patients of one source and name are the same people")
    add(
        "--audit",
        choices=("headers", "voxels", "none"),
        default="headers",
        help="audit the whole afterwards (default: %(default)s)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="datalist.json",
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


def build_several(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Build one datalist of several data sets: each by its layout, then all of them joined.

    Args:
        parser: of one ``build``.
        arguments: of each data set, parted by :data:`AND`; the options of the whole stand with the last one.
    """
    ends = [place for place, word in enumerate(arguments) if word == AND]
    sets = [
        parser.parse_args(list(arguments[start:end]))
        for start, end in zip([0, *(end + 1 for end in ends)], [*ends, None], strict=True)
    ]
    whole = sets[-1]
    for each in sets[:-1]:
        early = [
            name
            for name, value in vars(each).items()
            if name not in (*OF_ONE_SET, "output") and value != parser.get_default(name)
        ]
        early += ["output"] if each.output is not None else []
        if early:
            parser.error(
                f"--{early[0]} is of the whole datalist, and stands behind the last data set, not behind "
                f"{each.layout} {each.root}"
            )
    output = _output(parser, whole)
    output.parent.mkdir(parents=True, exist_ok=True)
    plan = _plan(whole)
    own_plan = plan if plan.keep_published else SplitPlan(validation=0.0, test=1.0)
    with tempfile.TemporaryDirectory(prefix=".", dir=output.parent) as folder:
        paths = {}
        for number, each in enumerate(sets):
            each.classes, each.hash_files, each.name = whole.classes, whole.hash_files, None
            path = Path(folder) / f"{number}" / "datalist.json"
            build_datalist(each.layout, _request(each), path, own_plan, _marks(each))
            paths[path] = f"{each.layout} {each.root}"
        _join_and_audit(paths, output, plan, None, whole)


def _output(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Path:
    if options.output is None:
        parser.error("the following arguments are required: --output")
    return Path(options.output)


def _request(options: argparse.Namespace) -> Request:
    return Request(
        options.root,
        options.csv,
        options.negatives_are,
        options.series,
        options.source,
        options.skip_missing,
        options.classes,
        options.label_mapping,
    )


def _marks(options: argparse.Namespace) -> Marks:
    window = tuple(options.window) if options.window else None
    return Marks(
        options.name, window, options.hash_files, options.one_scan_per_patient, progress=options.hash_files
    )


def _build(options: argparse.Namespace) -> None:
    """Build the datalist, and say what is in it and what is not."""
    content = build_datalist(
        options.layout, _request(options), options.output, _plan(options), _marks(options), options.overwrite
    )
    print("\n".join(_summary(content)))
    print(options.output)


def _join(options: argparse.Namespace) -> None:
    """Join the datalists, say what is in them, and audit the whole."""
    _join_and_audit(options.datalists, options.output, _plan(options), options.label_mapping, options)


def _join_and_audit(
    paths: Sequence[Path] | Mapping[Path, str],
    output: Path,
    plan: SplitPlan,
    label_mapping: dict[Any, Any] | None,
    options: argparse.Namespace,
) -> None:
    content = join_datalists(
        paths,
        output,
        plan,
        options.sources,
        options.classes,
        label_mapping,
        options.same_patients,
        options.name,
        options.overwrite,
    )
    print("\n".join(_summary(content)))
    print(output)
    if options.audit != "none":
        from scripts.__main__ import main as run_tool  # which imports this room

        run_tool(["audit", str(output), *(["--headers"] if options.audit == "headers" else [])])


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
