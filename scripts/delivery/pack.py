"""Pack a release of the bundle with its weights, as the Model Zoo hosts it; the same input, the same bytes.

python -m scripts.delivery.pack --ckpt_path RUN/model.pt --output_dir RELEASE [--name NAME] [--url URL]
    [--withhold_scans]

Writes RELEASE/NAME.zip, whose top folder is NAME, and RELEASE/large_files.yml, which says where the weights
are hosted. What the model file says is written into the zip's configs and metadata too, so that clients which
do not know it build the network of the weights; README.md says what these weights are and, where metrics.json
beside them is of them, how they did. The hashes of the scans that taught the network come along unless they
are withheld.
"""

import argparse
import json
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import yaml

from scripts import bundle_root
from scripts.checkpoints import ModelFile, build_network
from scripts.errors import UserError, show_user_errors_in_one_line
from scripts.files import write_whole
from scripts.networks import read_state_dict, weights_hash

from .card import held_links, metrics_of, release_card
from .resolved import config_of_model, resolved_metadata, resolved_text, resolved_yaml

__all__ = ["main", "pack"]

NAME = "chest_ct_covid19_classification"  # MONAI Label reads the task off its end
CONTENT = ("LICENSE", "README.md", "configs", "docs", "requirements.txt", "scripts")
OLDEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file knows


def pack(
    ckpt_path: str | Path,
    output_dir: str | Path,
    name: str = NAME,
    url: str | None = None,
    withhold_scans: bool = False,
) -> Path:
    """Write NAME.zip and large_files.yml.

    Args:
        ckpt_path: becomes ``models/model.pt``, its model file ``models/model.json``.
        output_dir: gains both files.
        name: of the zip and of its top folder.
        url: where the weights will be hosted; None: nowhere but in the zip.
        withhold_scans: leave out the hashes of the scans that taught the network; evaluation then says
            that it could not check whether a scan is among them.

    Returns:
        Path of the zip.

    Raises:
        UserError: the checkpoint has no model file, or is not the one that it describes.
    """
    root, ckpt_path = Path(bundle_root()), Path(ckpt_path)
    files = {str(path.relative_to(root)): path.read_bytes() for path in _content(root)}
    described = ModelFile.of(ckpt_path)
    build_network(described.network, read_state_dict(ckpt_path))
    parsers = {kind: config_of_model(kind, described) for kind in ("train", "inference")}
    metadata = resolved_metadata(parsers["inference"], described)
    for kind, parser in parsers.items():
        files[f"configs/{kind}.json"] = resolved_text(parser, metadata).encode()
        files[f"configs/{kind}.yaml"] = resolved_yaml(kind, parser).encode()
    files["configs/metadata.json"] = (json.dumps(metadata, indent=2, ensure_ascii=False) + "\n").encode()
    files["models/model.pt"] = ckpt_path.read_bytes()
    told = described.without_scans() if withhold_scans else described
    files["models/model.json"] = told.text().encode()
    weights = {"path": "models/model.pt", "hash_val": described.weights_sha256, "hash_type": "sha256"}
    hosted = [weights | {"url": url}] if url else []  # the zoo downloads each entry, from its url
    large_files = yaml.safe_dump({"large_files": hosted}, sort_keys=False)
    files["large_files.yml"] = large_files.encode()
    metrics = metrics_of(ckpt_path, described.weights_sha256)
    files["README.md"] = release_card(name, str(metadata["version"]), told, metrics).encode()
    for page in [file for file in files if file.endswith(".md")]:
        files[page] = held_links(files[page].decode(), page, files).encode()
    folder = Path(output_dir)
    write_whole(folder / "large_files.yml", large_files)
    packed = {f"{name}/{path}": content for path, content in files.items()}
    write_whole(folder / f"{name}.zip", partial(_write_zip, packed))
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


def _write_zip(files: Mapping[str, bytes], file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
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
    parser.add_argument("--name", default=NAME, help="of the zip and of its top folder")
    parser.add_argument("--url", help="where the weights will be hosted")
    parser.add_argument(
        "--withhold_scans",
        action="store_true",
        help="leave out the hashes of the scans that taught the network",
    )
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    path = pack(options.ckpt_path, options.output_dir, options.name, options.url, options.withhold_scans)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {weights_hash(path)}")


if __name__ == "__main__":
    main()
