"""Lobe label maps in the scans' own geometry, and their table: a handler of the evaluator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.files import write_nifti
from scripts.journal import Journal
from scripts.scans import Scan, file_stem
from scripts.text_files import GrowingTable

from .labels import LOBES
from .lobe_map import LobeMap
from .segmenter import labels_on_scan

__all__ = ["LobeWriter"]

VOLUMES = [f"{lobe.replace(' ', '_')}_ml" for lobe in LOBES]
COLUMNS = ["image", "lobe_map", *VOLUMES, "total_ml", "flags", "reason"]
DESCRIPTION = "1 LUL 2 LLL 3 RUL 4 RML 5 RLL; automatic; research use only"  # at most 79 characters


class LobeWriter:
    """Write each scan's lobes as soon as the network gives them.

    ``lobes/NNNN_NAME.nii.gz`` has the scan's shape and affine, and labels 1 to 5 in the order of ``LOBES``;
    one that cannot be a patient's lobes goes to ``implausible/`` instead. ``lobes.csv`` has a row a scan:
    volumes in mL, ``flags`` (of the lungs, and what makes the lobes implausible), and ``reason`` where it was
    refused.

    The engine's items are those of a ``ScanDataset`` that keeps refused scans, with ``name``; its output has
    ``pred``, probabilities ``(6, R, A, S)``. Of several processes that share the scans each writes its label
    maps, and the first the rows of all, by the items' ``position``.

    Args:
        output_dir: where all goes.
        journal: what was answered before, and what is answered now; None begins anew.
    """

    def __init__(self, output_dir: str | Path, journal: Journal | None = None) -> None:
        self.folder = Path(output_dir)
        self.table = GrowingTable(self.folder / "lobes.csv", COLUMNS)
        self.journal = journal or Journal(None)

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self) -> None:
        self.journal.start([self.table])
        self.table.start()

    def add(self, engine: Workflow) -> None:
        batch = {}
        for item, output in zip(engine.state.batch, engine.state.output, strict=True):
            index = int(item["position"])
            number = self.journal.number(index)
            row = self.row(number, item, output["pred"])
            self.table.add([(number, row)])
            batch[index] = "reason" not in row, {self.table.path.name: [row]}
        self.journal.keep(batch)

    def finish(self) -> None:
        self.table.finish()
        self.journal.finish()

    def row(self, number: int, item: Mapping[str, Any], probabilities: torch.Tensor) -> dict[str, Any]:
        """Write a scan's label map and return its row."""
        image, refusal = item["image"], item["refusal"]
        row = {"image": item["name"], "flags": image.meta["flags"]}
        if refusal["code"]:
            return {**row, "reason": f"{refusal['code']}: {refusal['message']}"}
        if not torch.isfinite(probabilities).all():
            return {**row, "reason": "non_finite_output: the network gave no number; check the checkpoint"}
        affine = np.asarray(image.meta["original_affine"], dtype=float)
        shape = image.meta["original_shape"].tolist()
        labels = labels_on_scan(probabilities.as_subclass(torch.Tensor), image.affine, affine, shape)
        canonical = Scan.from_array(labels, affine)
        lobes = LobeMap(canonical.voxels, canonical.affine)
        implausible = lobes.flags()
        path = Path(
            "implausible" if implausible else "lobes", f"{number:04d}_{file_stem(item['name'])}.nii.gz"
        )
        _save(labels, affine, self.folder / path)
        volumes = lobes.volumes()
        return {
            **row,
            "lobe_map": path.as_posix(),
            **{column: round(volume, 1) for column, volume in zip(VOLUMES, volumes.values(), strict=True)},
            "total_ml": round(sum(volumes.values()), 1),
            "flags": " ".join((*row["flags"].split(), *implausible)),
        }


def _save(labels: np.ndarray, affine: np.ndarray, path: Path) -> None:
    image = nibabel.Nifti1Image(labels, affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = DESCRIPTION.encode()
    write_nifti(path, image)
