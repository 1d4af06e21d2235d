"""The JSON twins of the YAML configs: MONAI's own clients look only for JSON.

python -m scripts.delivery.json_configs
"""

import json
from pathlib import Path

from monai.bundle import ConfigParser

from scripts import bundle_root

__all__ = ["as_json", "write_json_configs"]

NAMES = ("train", "evaluate", "inference", "train_lobes", "inference_lobes")


def as_json(config: str | Path) -> str:
    """Return a YAML config as JSON text.

    Args:
        config: path of the YAML file.
    """
    return json.dumps(ConfigParser.load_config_file(config), indent=2, ensure_ascii=False) + "\n"


def write_json_configs() -> None:
    """Write configs/train.json and its siblings anew from their YAML."""
    for name in NAMES:
        source = Path(bundle_root(), "configs", f"{name}.yaml")
        source.with_suffix(".json").write_text(as_json(source))


if __name__ == "__main__":
    write_json_configs()
