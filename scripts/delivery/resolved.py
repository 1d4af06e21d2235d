"""A config with its recipe applied, for clients that read one file only."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from scripts import bundle_root

__all__ = ["read_configs", "resolved_metadata", "resolved_text"]


def read_configs(config_files: Sequence[str | Path]) -> ConfigParser:
    """Read a config and its overlays, later ones winning, with the bundle's metadata.

    Args:
        config_files: e.g. ``inference.yaml`` and a recipe.
    """
    parser = ConfigParser()
    parser.read_config([str(path) for path in config_files])
    parser.read_meta(str(Path(bundle_root(), "configs", "metadata.json")))
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


def resolved_metadata(parser: ConfigParser) -> dict[str, Any]:
    """Return the metadata, with the grid of the recipe's network."""
    metadata = json.loads(json.dumps(parser["_meta_"]))
    shape = parser.get_parsed_content("spatial_shape")
    metadata["network_data_format"]["inputs"]["image"]["spatial_shape"] = [int(size) for size in shape]
    return metadata
