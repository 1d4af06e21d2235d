"""How good a lobe network is, on the scans' own voxels: ``python -m scripts.lobes.measure CKPT ...``.

--dataset_dir DIR [--list test]   Dice and surface distance of each lobe, where the datalist gives masks
--shifted N                       the same on N phantoms of the population `shifted`
--sides SCAN MASK                 Dice of both lungs and of each, by a ChestImagingPlatform label map
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from scripts.datalists import read_datalist
from scripts.phantoms import POPULATIONS, draw_phantom
from scripts.scans import RefusedScan, Scan, read_checked_scan, read_scan

from .labels import LEFT, LOBES
from .lobe_map import LobeMap, read_lobes
from .scores import LobeScores
from .segmenter import LobeSegmenter

__all__ = ["main"]

SHAPE = (128, 128, 80)  # voxels of a shifted phantom along R, A, S
CIP_LEFT, CIP_RIGHT = (9, 10, 11), (12, 13, 14)  # low byte: upper, middle, lower third of each lung


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each thing that was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.lobes.measure", description=__doc__.splitlines()[0]
    )
    parser.add_argument("checkpoint", help="lobe_model.pt")
    parser.add_argument("--dataset_dir", type=Path, help="holds datalist.json")
    parser.add_argument("--list", default="test", choices=("training", "validation", "test"))
    parser.add_argument("--shifted", type=int, default=0, metavar="N", help="phantoms to draw")
    parser.add_argument("--sides", nargs=2, metavar=("SCAN", "MASK"))
    options = parser.parse_args(arguments)
    segmenter = LobeSegmenter(options.checkpoint)
    if options.dataset_dir:
        items = read_datalist(options.dataset_dir / "datalist.json")[options.list]
        _print_scores(segmenter, _of_datalist(items), f"{options.list} list of {options.dataset_dir}")
    if options.shifted:
        _print_scores(segmenter, _shifted(options.shifted), "shifted phantoms")
    if options.sides:
        _print_sides(segmenter, *options.sides)


def _of_datalist(items: Iterable[dict[str, str]]) -> Iterator[tuple[Scan, LobeMap]]:
    for item in items:
        if "lobes" in item:
            scan, _ = read_checked_scan(item["image"])
            yield scan, read_lobes(item["lobes"], scan)


def _shifted(count: int) -> Iterator[tuple[Scan, LobeMap]]:
    for number in range(count):
        phantom = draw_phantom(
            (999, number), number % 3, SHAPE, orientation="RAS", population=POPULATIONS["shifted"]
        )
        yield (
            Scan(phantom.hounsfield, phantom.affine, f"shifted {number}"),
            LobeMap(phantom.lobes, phantom.affine),
        )


def _print_scores(segmenter: LobeSegmenter, pairs: Iterable[tuple[Scan, LobeMap]], what: str) -> None:
    scores, count, answers, masks, refused = LobeScores(), 0, 0, 0, 0
    for scan, truth in pairs:
        count += 1
        masks += bool(truth.flags())
        try:
            answer = segmenter.on_scan(scan)
        except RefusedScan:
            refused += 1
            continue
        scores.add(_one_hot(answer.labels), _one_hot(truth.labels), scan.spacing.tolist())
        answers += bool(answer.flags())
    print(f"{what}: {count} scans, {refused} refused; implausible: {answers} answers, {masks} true masks")
    if refused == count:
        return
    result = scores.result()
    print("| lobe | Dice | distance, mm |\n|---|---|---|")
    for lobe in LOBES:
        name = lobe.replace(" ", "_")
        print(f"| {lobe} | {result[f'dice_{name}']:.3f} | {result[f'surface_distance_{name}']:.2f} |")
    print(f"| mean | {result['dice']:.3f} | {result['surface_distance']:.2f} |")


def _one_hot(labels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([labels == label for label in range(len(LOBES) + 1)]))


def _print_sides(segmenter: LobeSegmenter, scan_path: str, mask_path: str) -> None:
    scan, _ = read_checked_scan(scan_path)
    mask = read_scan(mask_path)
    truth = Scan.from_array(mask.voxels, mask.affine).voxels & 0xFF
    answer = segmenter.on_scan(scan)
    right = tuple(label for label in range(1, len(LOBES) + 1) if label not in LEFT)
    print(f"{Path(scan_path).name}: {' '.join(answer.flags()) or 'no flags'}\n| part | Dice |\n|---|---|")
    for name, ours, theirs in (
        ("both lungs", LEFT + right, CIP_LEFT + CIP_RIGHT),
        ("left lung", LEFT, CIP_LEFT),
        ("right lung", right, CIP_RIGHT),
    ):
        found, expected = np.isin(answer.labels, ours), np.isin(truth, theirs)
        dice = 2 * (found & expected).sum() / (found.sum() + expected.sum())
        print(f"| {name} | {dice:.3f} |")


if __name__ == "__main__":
    main()
