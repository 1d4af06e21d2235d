"""Pack a release of the bundle with its weights, as the Model Zoo hosts it; the same input, the same bytes.

python -m scripts.delivery.pack --ckpt_path RUN/model.pt --output_dir RELEASE [--recipe configs/recipe_X.yaml]
    [--name NAME] [--url URL]

Writes RELEASE/NAME.zip, whose top folder is NAME, and RELEASE/large_files.yml. With a recipe, the zip's JSON
configs and metadata have it applied, so that clients which know no recipes build the network of the weights.
"""

import argparse
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from scripts import bundle_root
from scripts.errors import UserError, show_user_errors_in_one_line
from scripts.evaluation import Calibration, calibration_file
from scripts.networks import load_weights, weights_hash

from .resolved import read_configs, resolved_metadata, resolved_text

__all__ = ["main", "pack"]

NAME = "chest_ct_covid19_classification"  # MONAI Label reads the task off its end
CONTENT = ("LICENSE", "README.md", "configs", "docs", "requirements.txt", "scripts")
OLDEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file knows


def pack(
    ckpt_path: str | Path,
    output_dir: str | Path,
    name: str = NAME,
    recipe: Sequence[str | Path] = (),
    url: str | None = None,
) -> Path:
    """Write NAME.zip and large_files.yml.

    Args:
        ckpt_path: becomes ``models/model.pt``; ``calibration.json`` beside it comes along.
        output_dir: gains both files.
        name: of the zip and of its top folder.
        recipe: overlays of the network that the checkpoint fits.
        url: where the weights will be hosted.

    Returns:
        Path of the zip.

    Raises:
        UserError: the checkpoint does not fit the network of the config and the recipe, or the calibration
            beside it is another checkpoint's.
    """
    root, ckpt_path = Path(bundle_root()), Path(ckpt_path)
    files = {str(path.relative_to(root)): path.read_bytes() for path in _content(root)}
    parsers = {
        kind: read_configs([root / "configs" / f"{kind}.yaml", *recipe]) for kind in ("train", "inference")
    }
    load_weights(parsers["inference"].get_parsed_content("network_def"), ckpt_path)
    metadata = resolved_metadata(parsers["inference"])
    for kind, parser in parsers.items():
        files[f"configs/{kind}.json"] = resolved_text(parser, metadata).encode()
    files["configs/metadata.json"] = (json.dumps(metadata, indent=2, ensure_ascii=False) + "\n").encode()
    files["models/model.pt"] = ckpt_path.read_bytes()
    if Calibration.of(ckpt_path):
        files["models/calibration.json"] = calibration_file(ckpt_path).read_bytes()
    weights = {"path": "models/model.pt", "hash_val": weights_hash(ckpt_path), "hash_type": "sha256"}
    large_files = yaml.safe_dump({"large_files": [weights | ({"url": url} if url else {})]}, sort_keys=False)
    files["large_files.yml"] = large_files.encode()
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "large_files.yml").write_text(large_files, encoding="utf-8")
    _write_zip(folder / f"{name}.zip", {f"{name}/{path}": content for path, content in files.items()})
    return folder / f"{name}.zip"


def _content(root: Path) -> list[Path]:
    """List the files of a release, but for what Python and editors leave behind."""
    found = [
        path
        for top in (root / name for name in CONTENT)
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    ]
    if not found:
        raise UserError(f"{root}: no bundle here to pack")
    return found


def _write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever packs
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.delivery.pack", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--ckpt_path", required=True, help="model.pt")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument(
        "--recipe", nargs="+", default=[], help="overlays that the checkpoint was trained with"
    )
    parser.add_argument("--name", default=NAME, help="of the zip and of its top folder")
    parser.add_argument("--url", help="where the weights will be hosted")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    path = pack(options.ckpt_path, options.output_dir, options.name, options.recipe, options.url)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {weights_hash(path)}")


if __name__ == "__main__":
    main()
