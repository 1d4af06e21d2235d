"""Whether what a run states of a model agrees with the model file: meaning is refused, choices are free."""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from scripts.checkpoints import ModelFile, model_file_path, part_of
from scripts.command_line import CommandLine, base_configs
from scripts.errors import UserError

__all__ = ["check_agreement", "is_stated"]

PARTS = {"network_def": "network", "region": "region"}
MEANING = ("window", "spatial_shape", "classes", "class_names", "num_classes", *PARTS)


def check_agreement(parser: ConfigParser, described: ModelFile, ckpt_path: str | Path) -> None:
    """Refuse a flag or a recipe that contradicts what a checkpoint is; naming the right value is harmless.

    Args:
        parser: the running config.
        described: the model file.
        ckpt_path: of the weights, for the message.

    Raises:
        UserError: a stated network, grid, window, region or class is another than that of the weights.
    """
    for name in _stated(parser, _base(parser)):
        known = _expected(described, name)
        for found in (_found(parser, name), *_written(name)):
            if found is not NOT_COMPARED and known is not NOT_COMPARED and found != known:
                raise UserError(
                    f"{name} {_shown(found)} is stated, but {ckpt_path} was trained with {_shown(known)} "
                    f"(see {model_file_path(ckpt_path).name}); leave it out, or name another checkpoint"
                )


def is_stated(parser: ConfigParser, section: str) -> bool:
    """Say whether the run itself, by an overlay or a flag, sets a section that the base has a default for.

    Args:
        parser: the running config.
        section: a top-level id.
    """
    base = _base(parser)
    return section in _own_words() or parser.get(section) != base.get(section)


class _NotCompared:
    """A value that refers to another, which is judged by itself."""


NOT_COMPARED = _NotCompared()


def _base(parser: ConfigParser) -> dict[str, Any]:
    """Return the base config of a run: the command's first, else that of the bundle's which is most alike."""
    command_line = CommandLine.of(sys.argv)
    if command_line is not None:
        return ConfigParser.load_config_file(command_line.files[0])
    config = parser.get()  # a dict: the parser spells out a suggestion for each id that it lacks
    return max(_bases(), key=lambda base: _likeness(config, base))


@cache
def _bases() -> list[dict[str, Any]]:
    """Read the bundle's bases, once a process."""
    return [ConfigParser.load_config_file(file) for file in base_configs()]


def _likeness(config: Mapping[str, Any], base: Mapping[str, Any]) -> int:
    """Return how many ids of a base a config has unchanged, less those that it lacks."""
    return sum(config[key] == value if key in config else -1 for key, value in base.items())


def _stated(parser: ConfigParser, base: Mapping[str, Any]) -> list[str]:
    """Return the ids of meaning that differ from the base's, or that an overlay or a flag names."""
    own = [name for name in _own_words() if name.split("::")[0] in MEANING]
    differing = [
        name
        for section in MEANING
        if section in parser
        for name, value in _leaves(section, parser[section])
        if dict(_leaves(section, base.get(section))).get(name, NOT_COMPARED) != value
    ]
    return list(dict.fromkeys([*own, *differing]))


def _own_words() -> list[str]:
    """Return the ids that the overlays and the flags of this process's command line set."""
    names = [leaf for key, value in _said() for leaf, _ in _leaves(key, value)]
    return [name.removeprefix("preprocessing::") for name in names]


def _written(name: str) -> list[Any]:
    """Return what overlays and flags give an id as plain data, also where a later one overrules it."""
    given = [value for key, value in _said() if key == name and isinstance(value, (list, Mapping))]
    return [_plain(value) for value in given if "_target_" not in value]


def _said() -> list[tuple[str, Any]]:
    """Return the ids and values of the overlays and flags of this process's command line, in their order."""
    command_line = CommandLine.of(sys.argv)
    if command_line is None:
        return []
    files = [ConfigParser.load_config_file(file) for file in command_line.files[1:]]
    pairs = [pair for content in (*files, command_line.overrides) for pair in content.items()]
    return [(key.lstrip("+").replace("#", "::"), value) for key, value in pairs]


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and name.split("::")[0] in PARTS:
        for key, inner in value.items():
            yield from _leaves(f"{name}::{key}", inner)
    else:
        yield name, value


def _found(parser: ConfigParser, name: str) -> Any:
    """Return the value that a run states, as a model file would have it."""
    section, *rest = name.split("::")
    if "@predictor" in str(parser.get(section, "")):  # the checkpoint's own
        return NOT_COMPARED
    if section not in PARTS:
        return _plain(parser.get_parsed_content(section)) if section in parser else NOT_COMPARED
    raw = parser.get(name, NOT_COMPARED)
    if (
        raw is NOT_COMPARED
        or rest[-1:] == ["_mode_"]
        or (isinstance(raw, str) and raw[:1] in ("@", "$", "%"))
    ):
        return NOT_COMPARED
    return _in_part(part_of(parser, section), rest)


def _expected(described: ModelFile, name: str) -> Any:
    section, *rest = name.split("::")
    if section in PARTS:
        part = getattr(described, PARTS[section]).model_dump()
        return _in_part(part, rest)
    if section == "num_classes":
        return len(described.classes)
    return {"window": described.window, "spatial_shape": described.spatial_shape}.get(
        section, described.classes
    )


def _in_part(part: Mapping[str, Any], path: list[str]) -> Any:
    """Follow a config's path into a part: ``_target_`` is its target, all else is below its arguments."""
    value: Any = part
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get("target") if key == "_target_" else value.get("arguments", {}).get(key)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return list(value.values()) if "target" not in value else value
    return list(value) if isinstance(value, (list, tuple)) else value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
