"""What a datalist.json may hold, and everything that is wrong in one, at once."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from scripts.errors import UserError, words_for
from scripts.scans import DeclarableFields, wrong_fields
from scripts.text_files import read_text

from .classes import CLASSES, ClassLabels, whole_label

__all__ = ["LISTS", "Content", "load_datalist"]

LISTS = ("training", "validation", "test")
RECORDS = ("removed",)  # of what cleaning took out
KNOWN = (*LISTS, "classes")  # further fields, such as name and licence, are kept as they are
NICKNAMES = {
    "train": "training",
    "trn": "training",
    "val": "validation",
    "dev": "validation",
    "testing": "test",
}
ITEM = '{"image": PATH, "label": CLASS, "patient": NAME}'
SHOWN = 10  # errors that a message names


def _label(value: Any, info: ValidationInfo) -> int | None:
    if not isinstance(info.context, ClassLabels):  # the classes themselves are wrong: only the type is seen
        return 0 if whole_label(value) is not None else _refuse(f"label {json.dumps(value)}")
    return info.context.index(value)


def _identity(value: Any) -> Any:
    """Return a patient's number or name as text: 17, 17.0 and "17 " are one patient, and 0 is one."""
    if isinstance(value, str):
        return value.strip()
    number = whole_label(value)
    return value if number is None else str(number)


def _fold(value: Any) -> Any:
    number = whole_label(value)
    return value if isinstance(value, bool) or number is None else number


def _refuse(message: str) -> Any:
    raise ValueError(message)


Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]  # no path has a NUL


class Item(DeclarableFields):
    """One scan; further fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    image: Text = Field(description="a path relative to the datalist's folder")
    patient: Annotated[Text, BeforeValidator(_identity)] = Field(description="a name or a whole number")
    label: Annotated[int | None, BeforeValidator(_label)]
    fold: Annotated[Annotated[int, Field(ge=0, strict=True)] | None, BeforeValidator(_fold)] = Field(
        None, description="a whole number from 0"
    )
    lobes: str | None = Field(None, description="a path relative to the datalist's folder")
    lesions: str | None = Field(None, description="a path relative to the datalist's folder")
    age: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = Field(
        None, description="a number of years"
    )
    sex: str | None = Field(None, description="text")
    severity: str | None = Field(None, description="text")
    source: str | None = Field(None, description="text")
    label_source: str | None = Field(None, description="text")


class Lists(BaseModel):
    """The lists of a datalist; further fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    training: list[Item] = []
    validation: list[Item] = []
    test: list[Item] = []


class Content(NamedTuple):
    """A datalist without an error.

    Attributes:
        class_names: that the labels are indices of.
        lists: items by list, as written but for ``label``, ``patient`` and ``fold``, which are made alike;
            those whose label is mapped to None are left out.
    """

    class_names: list[str]
    lists: dict[str, list[dict[str, Any]]]


def load_datalist(
    path: Path, classes: Any = None, label_mapping: Any = None, default: Sequence[str] = CLASSES
) -> Content:
    """Read and check a datalist.

    Args:
        path: of the file.
        classes: see :class:`ClassLabels`, as the next two.
        label_mapping: from labels to classes.
        default: names of the classes where none are known.

    Raises:
        UserError: there is no such file, it is not JSON, or something in it is wrong: the message names every
            error, or the first of many.
    """
    content = _parsed(path)
    problems: list[str] = []
    labels = None
    try:
        labels = ClassLabels(content.get("classes"), classes, label_mapping, default)
        labels.check_keys([item.get("label") for item in _items(content)])
    except UserError as error:
        problems.append(str(error))
    problems += _misread(content)
    try:
        read = Lists.model_validate(content, context=labels)
    except ValidationError as error:
        wrong = wrong_fields(error, Item, content)
        problems += _grouped({at: text for at, text in wrong.items() if _is_in_item(at, content)}, content)
    if labels is None or problems:
        raise UserError(_summary(path, problems))
    return Content(
        labels.names, {name: _normal(getattr(read, name), content.get(name, [])) for name in LISTS}
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path), object_pairs_hook=_each_once)
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; --dataset_dir is the folder that holds datalist.json "
            f"(make one with `python -m scripts.phantoms --output_dir DIR`)"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; name the datalist in it, {Path(path, 'datalist.json')}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({words_for(error)})") from None
    except UserError:
        raise
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise UserError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f'{path}: not a datalist; expected {{"training": [...], ...}}')
    if content and not content.keys() & {*KNOWN} and not _misread(content):
        raise UserError(f"{path}: no list of scans; expected one or more of {', '.join(LISTS)}")
    return content


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, unless it has a field twice, of which Python would drop the first in silence."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        _refuse(f"the field {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return content


def _misread(content: dict[str, Any]) -> list[str]:
    """Name lists that are none, and fields that nothing reads though they look like lists of scans."""
    problems = []
    for key, value in content.items():
        alike = difflib.get_close_matches(key.casefold(), KNOWN, n=1, cutoff=0.75)
        if key in LISTS:
            problems += _misshapen(key, value)
        elif key not in (*KNOWN, *RECORDS) and (
            (alike and isinstance(value, (list, dict))) or _holds_scans(value)
        ):
            meant = NICKNAMES.get(key.casefold(), *alike) if alike or key.casefold() in NICKNAMES else None
            advice = f"did you mean {meant!r}?" if meant else f"the lists are {', '.join(LISTS)}"
            problems.append(f"nothing reads the field {key!r}; {advice}")
    return problems


def _misshapen(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        return [f"{name}: {_shown(value)}; expected a list of scans, each {ITEM}"]
    wrong = [place for place, item in enumerate(value) if not isinstance(item, dict)]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return [f"{name}[{wrong[0]}]: {_shown(value[wrong[0]])}; expected {ITEM}{more}"] if wrong else []


def _holds_scans(value: Any) -> bool:
    """Say whether a list has scans in it, or a section such a list."""
    if isinstance(value, dict):
        return any(isinstance(inner, list) and _holds_scans(inner) for inner in value.values())
    return isinstance(value, list) and any(isinstance(item, dict) and "image" in item for item in value)


def _items(content: dict[str, Any]) -> list[dict[str, Any]]:
    lists = [content[name] for name in LISTS if isinstance(content.get(name), list)]
    return [item for items in lists for item in items if isinstance(item, dict)]


def _normal(items: list[Item], written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    normal = []
    for item, raw in zip(items, written, strict=True):
        fields = item.model_dump(include={"label", "patient", "fold"}, exclude_none=True)
        if "label" in fields:
            normal.append({**{key: raw[key] for key in raw if key != "fold"}, **fields})
    return normal


def _is_in_item(place: tuple[int | str, ...], content: dict[str, Any]) -> bool:
    """Say whether an error is one of an item's fields; what is no item at all is named already."""
    name, *rest = place
    return bool(rest) and isinstance(content[str(name)][rest[0]], dict)


def _grouped(wrong: dict[tuple[int | str, ...], str], content: dict[str, Any]) -> list[str]:
    """Return a line for each kind of error: the first place that it has, and how many others have it."""
    places: dict[str, list[tuple[int | str, ...]]] = {}
    for place, text in wrong.items():
        places.setdefault(text, []).append(place)
    return [
        f"{_place(found[0], content)}{text}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
        for text, found in places.items()
    ]


def _place(place: tuple[int | str, ...], content: dict[str, Any]) -> str:
    """Return ``training[3] (scans/a.nii.gz): ``, as far as it goes."""
    name, index = place[:2]
    image = content[str(name)][index].get("image")
    shown = image.encode(errors="backslashreplace").decode() if isinstance(image, str) else None
    return f"{name}[{index}]" + (f" ({shown}): " if shown else ": ")


def _shown(value: Any) -> str:
    """Return a value as the file has it, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _summary(path: Path, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{path}: {problems[0]}"
    shown = "\n".join(f"  {problem}" for problem in problems[:SHOWN])
    more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return f"{path}: {len(problems)} kinds of errors:\n{shown}{more}"
