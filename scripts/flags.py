"""The flags of a run: which keys of its configs there are, what each takes, and what their comments say."""

import difflib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch

from scripts.errors import UserError

__all__ = ["check_name", "config_value", "describe_flags", "is_name", "literal"]

NAME = re.compile(
    r"(.*::)?(scans|recipe|also|adapt_to|\w+_(dir|path|file|uri))"
)  # flags that take files and folders
READ_BY_CONFIGS = set("$@%#")
SMALLEST = {
    "max_epochs": 1,
    "batches_per_epoch": 1,
    "val_interval": 1,
    "val_batch_size": 1,
    "batch_size": 1,
    "num_workers": 0,
}
WORDS = {"resume": ("auto",)}  # what a flag takes besides True and False
SECTION = re.compile(r"# --- (.*?) -*$")
WITH_FLAGS = ("where", "knobs", "what the scans")
KEY = re.compile(r"(?P<key>[a-z]\w*):(?P<value>.*?)(?:  # (?P<comment>.*))?$")
INNER = ("bundle_root", "rank", "run")
BELOW_FOLDER = re.compile(r"\$@(\w+) \+ '(.*)'")


def is_name(flag: str) -> bool:
    """Say whether a flag takes the name of a file or folder, or several: it stands for nothing else."""
    return NAME.fullmatch(flag) is not None


def literal(name: str) -> str:
    r"""Return a name as a config takes it: where it has signs that configs read, an expression of its text.

    Args:
        name: of a file or folder.

    Example:
        >>> literal("scans/a.nii.gz"), literal("a#1.nii")
        ('scans/a.nii.gz', "$'a\\U000000231.nii'")
    """
    if not READ_BY_CONFIGS & set(name):
        return name
    plain = (char if re.match(r"[\w/. -]", char, re.ASCII) else f"\\U{ord(char):08x}" for char in name)
    return f"$'{''.join(plain)}'"


def config_value(flag: str, value: Any, default: Any) -> Any:
    """Return what a flag sets its key to.

    Args:
        flag: without its dashes.
        value: as typed: a name, or several, as they are; anything else as MONAI reads it.
        default: what the configs have there.

    Raises:
        UserError: it has another type than the default, is a count below its least, no device of this
            machine, or a file where a folder is expected, or the reverse.
    """
    if is_name(flag):
        return _name_value(flag, value)
    if value is None or _is_expression(value):
        return value
    if flag == "device":
        if not _is_usable(value):
            raise UserError(f"--device {value}: a device of this machine, such as cpu is expected")
        return f"$torch.device({str(value)!r})" if isinstance(value, str) else f"$torch.device({value})"
    if isinstance(default, bool) and isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    expected = _expected(flag, value, default)
    if expected:
        raise UserError(f"--{flag} {value}: {expected} is expected")
    return value


def check_name(flag: str, known: Collection[str], files: Sequence[str], section: str = "") -> None:
    """Refuse a flag that nothing reads.

    Args:
        flag: without its dashes; of ``a::b`` the ``a`` must be known.
        known: keys at the top of the configs.
        files: the configs, for the message.
        section: that the flag belongs to, such as ``settings::``.

    Raises:
        UserError: the flag is not known; the message names the nearest that is.
    """
    name, *rest = flag.replace("#", "::").split("::")
    if name in known:
        return
    alike = difflib.get_close_matches(name, known, n=1)
    meant = f"--{section}{'::'.join([*alike, *rest])}"
    advice = f"did you mean {meant}?" if alike else "flags are the keys at the top of these files"
    raise UserError(f"--{section}{flag}: no such key in {', '.join(files)}; {advice}")


def describe_flags(files: Sequence[str | Path]) -> str:
    """Return what configs say of themselves in their comments: what they do, and each flag with its default.

    Args:
        files: YAML configs, in the order in which they are merged.
    """
    twins = [Path(file).with_suffix(".yaml") for file in files]  # JSON has no comments
    texts = [
        (twin if twin.is_file() else Path(file)).read_text(encoding="utf-8").splitlines()
        for twin, file in zip(twins, files, strict=True)
    ]
    heads = [[line[2:] for line in lines[: _first(lines, "#")]] for lines in texts]
    flags = {key: told for lines in texts for key, told in _flags(lines).items()}
    widths = [max(map(len, column), default=0) for column in (flags, [value for value, _ in flags.values()])]
    told = [
        f"  --{key:{widths[0]}}  {value:{min(widths[1], 36)}}  {comment}".rstrip()
        for key, (value, comment) in flags.items()
    ]
    head = "\n\n".join("\n".join(head) for head in heads)
    return "\n".join([head, "", "flags, their defaults, and what they are:", *told])


def _first(lines: Sequence[str], start: str) -> int:
    """Return how many lines there are before the first that does not begin so."""
    return next((place for place, line in enumerate(lines) if not line.startswith(start)), len(lines))


def _flags(lines: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return default and comment by key; of a config with sections, of those whose keys are flags."""
    found: dict[str, tuple[str, str]] = {}
    in_sections, told = any(map(SECTION.match, lines)), True
    for line in lines:
        section = SECTION.match(line)
        if section:
            told = section[1].startswith(WITH_FLAGS)
        key = KEY.match(line)
        if told and key and key["key"] not in INNER:
            value, comment = key["value"].strip(), key["comment"] or ""
            shown = _shown_default(key["key"], value.strip('"'))
            if shown or (comment and (value or in_sections)):
                found[key["key"]] = shown, comment
    return found


def _shown_default(key: str, value: str) -> str:
    """Return a default as people read it; nothing for one that follows from others in no simple way."""
    if key == "device":
        return "cuda, else cpu"
    value = re.sub(r"^@(\w+)$", r"<\1>", BELOW_FOLDER.sub(r"<\1>\2", value))
    return "" if value.startswith(("$", "@", "%", "{")) else value


def _name_value(flag: str, value: Any) -> Any:
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    for name in names:
        _check_place(flag.rpartition("::")[2], name)
    return [literal(name) for name in names] if isinstance(value, list) else literal(value)


def _check_place(flag: str, name: str) -> None:
    """Refuse a file where a folder is expected, and the reverse; what is missing is others' to say."""
    place = Path(name)
    if not name:
        raise UserError(f"--{flag}: a name is expected")
    there = next((folder for folder in (place, *place.parents) if folder.exists()), place)
    if flag.endswith("_dir") and there.exists() and not there.is_dir():
        advice = f"; name the folder that holds it, {there.parent}" if flag == "dataset_dir" else ""
        raise UserError(f"--{flag} {name}: {there} is a file; a folder is expected{advice}")
    if flag.endswith(("_path", "_file")) and place.is_dir():
        inside = next((f", {file}" for file in sorted(place.glob("*.pt")) if "state" not in file.name), "")
        raise UserError(f"--{flag} {name}: a folder; name the file in it{inside}")


def _expected(flag: str, value: Any, default: Any) -> str | None:
    """Say in words what should stand there, or return None where the value will do."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if flag in SMALLEST:
        return None if whole and value >= SMALLEST[flag] else f"a whole number, {SMALLEST[flag]} or more,"
    if isinstance(default, bool):
        words = WORDS.get(flag, ())
        return None if isinstance(value, bool) or value in words else " or ".join(["True", "False", *words])
    if isinstance(default, int):
        return None if whole else "a whole number"
    if isinstance(default, float):
        return None if whole or isinstance(value, float) else "a number"
    if isinstance(default, list) and default and all(isinstance(entry, (int, float)) for entry in default):
        return None if isinstance(value, (list, tuple)) else f"a list such as {default}"
    return None


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def _is_usable(device: Any) -> bool:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError):  # torch raises each of them
        return False
    return True
