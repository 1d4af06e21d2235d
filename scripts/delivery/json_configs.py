"""The JSON twins of the YAML configs: MONAI's own clients look only for JSON.

Their metadata is in them: MONAI Label reads a config without reading metadata.json, to which its knobs refer.

python -m scripts.delivery.json_configs
"""

import json
from pathlib import Path

from monai.bundle import ConfigParser

from scripts import bundle_root
from scripts.files import write_whole

__all__ = ["as_json", "write_json_configs"]

NAMES = ("train", "evaluate", "inference", "train_lobes", "inference_lobes")


def as_json(config: str | Path) -> str:
    """Return a YAML config as JSON text, metadata included.

    Args:
        config: path of the YAML file.
    """
    metadata = json.loads(Path(config).with_name("metadata.json").read_text(encoding="utf-8"))
    content = {"_meta_": metadata, **ConfigParser.load_config_file(config)}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_json_configs() -> None:
    """Write configs/train.json and its siblings anew from their YAML."""
    for name in NAMES:
        source = Path(bundle_root(), "configs", f"{name}.yaml")
        write_whole(source.with_suffix(".json"), as_json(source))


if __name__ == "__main__":
    write_json_configs()
