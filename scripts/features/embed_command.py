"""Encode scans, each once: ``python -m scripts embed SCANS... --output_dir OUT``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from scripts.errors import show_user_errors_in_one_line
from scripts.networks import ENCODERS, OWN_FILE, FeatureStore, FrozenEncoder, encoder_named
from scripts.scans import DECLARED_FIELDS
from scripts.transforms import preprocessing

from .embedding import embed, items_to_encode, joined

__all__ = ["add_arguments", "main", "run"]

DECLARED = [field for field in DECLARED_FIELDS if field != "slices"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes to a parser."""
    parser.add_argument("scans", nargs="+", help="files, folders and zips; or a datalist.json, with labels")
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="gets features.npz, and scans/, a file for each scan"
    )
    parser.add_argument("--encoder", default="astra", help=f"one of {', '.join(ENCODERS)}")
    parser.add_argument(
        "--encoder_path", help=f"your own file of its weights (default: ${OWN_FILE}, then the package's)"
    )
    parser.add_argument("--precision", default="bfloat16", help="or float32")
    parser.add_argument("--device", help="cpu or cuda (default: a GPU where there is one)")
    parser.add_argument("--num_workers", type=int, default=1, help="processes that read (default: 1)")
    parser.add_argument("--intensity", help="windowed: grey levels of a display window")
    parser.add_argument("--window", type=float, nargs=2, help="its level and width in HU")
    parser.add_argument("--grey_range", type=float, nargs=2, help="its black and white")
    parser.add_argument("--spacing", type=float, nargs=3, help="mm along columns, rows, slices")
    parser.add_argument("--orientation", help="where these lead to, such as LPI")
    parser.add_argument("--series", help="of DICOM folders with several")


def run(options: argparse.Namespace) -> None:
    """Encode the scans; one that was encoded before is only read.

    Raises:
        UserError: the encoder is missing, there is no scan, or all were refused.
        SystemExit: a scan was refused; its reason stands in features.npz and on the screen.
    """
    if options.encoder_path:
        os.environ[OWN_FILE] = options.encoder_path
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    items = items_to_encode(options.scans, {field: getattr(options, field, None) for field in DECLARED})
    known = encoder_named(options.encoder)
    encoder = FrozenEncoder(known, precision=options.precision)
    encoder.store = FeatureStore(options.output_dir / "scans")
    steps = preprocessing(known.region, known.spatial_shape, known.window)
    rows = []
    for row in tqdm(embed(items, encoder, steps, device, options.num_workers), total=len(items), unit="scan"):
        rows.append(row)
        if row.refusal[0]:
            tqdm.write(f"{row.name[0]}: {row.refusal[0]}", file=sys.stderr)
    features = joined(rows)
    features.write(options.output_dir / "features.npz")
    accepted = len(features.accepted())
    print(f"{options.output_dir / 'features.npz'}: {accepted} of {len(features)} scans")
    if accepted < len(features):
        sys.exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and encode."""
    parser = argparse.ArgumentParser(prog="python -m scripts embed", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    run(options)
