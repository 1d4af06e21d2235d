"""A config with a model file written into it, for clients that read one file only."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from monai.bundle import ConfigParser

from scripts import bundle_root
from scripts.checkpoints import ModelFile, read_configs, use_model_file

__all__ = ["config_of_model", "resolved_metadata", "resolved_text", "resolved_yaml"]


def config_of_model(name: str, described: ModelFile) -> ConfigParser:
    """Read a base config with what a model file says written into it.

    Args:
        name: ``inference`` or ``train``.
        described: the model file.
    """
    parser = read_configs([Path(bundle_root(), "configs", f"{name}.yaml")])
    use_model_file(parser, described)
    return parser


def resolved_text(parser: ConfigParser, metadata: Mapping[str, Any] | None = None) -> str:
    """Return the config that a parser holds as JSON, overlays applied.

    Args:
        parser: of the config.
        metadata: put into the text, where given: MONAI Label reads a config without metadata.json, to which
            its knobs refer.
    """
    content = {key: value for key, value in parser.get().items() if key != "_meta_"}
    if metadata is not None:
        content = {"_meta_": metadata, **content}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def resolved_yaml(name: str, parser: ConfigParser) -> str:
    """Return a base config as it reads, comments and all, but for the sections that a parser has otherwise.

    Args:
        name: of the base: ``inference`` or ``train``.
        parser: see :func:`config_of_model`.
    """
    path = Path(bundle_root(), "configs", f"{name}.yaml")
    text, base = path.read_text(encoding="utf-8"), ConfigParser.load_config_file(path)
    for key, value in parser.get().items():
        if key == "_meta_" or base.get(key) == value:
            continue
        section = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True)
        own = re.compile(rf"^{re.escape(key)}:.*\n(?:[ -].*\n)*", flags=re.MULTILINE)
        text = own.sub(section.replace("\\", r"\\"), text) if key in base else text + section
    return text


def resolved_metadata(parser: ConfigParser, described: ModelFile) -> dict[str, Any]:
    """Return the metadata with the grid and the classes of a model file."""
    metadata = json.loads(json.dumps(parser["_meta_"]))
    image = metadata["network_data_format"]["inputs"]["image"]
    output = metadata["network_data_format"]["outputs"]["pred"]
    image["spatial_shape"] = described.spatial_shape
    output["num_channels"] = len(described.classes)
    output["channel_def"] = {str(index): name for index, name in enumerate(described.classes)}
    if described.classes != list(parser["_meta_::network_data_format::outputs::pred::channel_def"].values()):
        named = ", ".join(f"{index} {name}" for index, name in enumerate(described.classes))
        metadata["label_classes"] = named
        metadata["pred_classes"] = f"probabilities of {', '.join(described.classes)}"
        metadata["task"] = f"Classify a chest CT scan as {', '.join(described.classes)}"
    return metadata
