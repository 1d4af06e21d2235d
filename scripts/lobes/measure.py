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
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import Workflow
from monai.metrics import compute_average_surface_distance, compute_dice

from scripts.datalists import read_datalist
from scripts.phantoms import POPULATIONS, draw_phantom
from scripts.scans import RefusedScan, Scan, read_checked_scan, read_scan

from .labels import LEFT, LOBES
from .lobe_map import LobeMap, read_lobes
from .segmenter import LobeSegmenter

__all__ = ["LobeScores", "main"]


class LobeScores:
    """Write means over scans and lobes, and each lobe's, into ``engine.state.metrics``.

    ``dice``, ``dice_left_upper`` and so on; ``surface_distance`` and so on, the average symmetric distance in
    mm, both as MONAI computes them. A lobe that a scan's truth lacks does not count; where only the answer
    lacks it, its Dice is 0 and it has no distance.

    The engine's output has ``pred`` and ``label``, one-hot ``(6, R, A, S)``, and its batch ``image`` with the
    grid's affine. Attach it before the handlers that print or log metrics.
    """

    def __init__(self) -> None:
        self.reset()

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_batch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.compute)

    def reset(self) -> None:
        self.dice: list[torch.Tensor] = []
        self.distance: list[torch.Tensor] = []

    def add_batch(self, engine: Workflow) -> None:
        for item, output in zip(engine.state.batch, engine.state.output, strict=True):
            self.add(output["pred"], output["label"], _spacing(item["image"]))

    def add(self, answer: torch.Tensor, truth: torch.Tensor, spacing: Sequence[float]) -> None:
        """Count one scan.

        Args:
            answer: one-hot, ``(6, R, A, S)``.
            truth: the same.
            spacing: mm along R, A, S.
        """
        found, expected = (part.as_subclass(torch.Tensor).cpu()[None, 1:] > 0 for part in (answer, truth))
        self.dice.append(compute_dice(found, expected, include_background=True)[0])
        both = found.any(dim=(0, 2, 3, 4)) & expected.any(
            dim=(0, 2, 3, 4)
        )  # no distance without two surfaces
        distance = torch.full((len(LOBES),), torch.nan)
        if both.any():
            distance[both] = compute_average_surface_distance(
                found[:, both],
                expected[:, both],
                include_background=True,
                symmetric=True,
                spacing=list(spacing),
            )[0]
        self.distance.append(distance)

    def compute(self, engine: Workflow) -> None:
        engine.state.metrics |= self.result()

    def result(self) -> dict[str, float]:
        """Return the means since the last reset."""
        result = {}
        for name, rows in (("dice", self.dice), ("surface_distance", self.distance)):
            means = torch.stack(rows).nanmean(dim=0)
            result[name] = float(means.nanmean())
            named = zip(LOBES, means.tolist(), strict=True)
            result |= {f"{name}_{lobe.replace(' ', '_')}": mean for lobe, mean in named}
        return result


def _spacing(image: MetaTensor) -> list[float]:
    return np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0).tolist()


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
