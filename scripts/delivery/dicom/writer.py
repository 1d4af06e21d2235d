"""DICOM results: a sink that writes each answer into the study that it is about."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from scripts.answering import Answer, Predictor
from scripts.errors import UserError
from scripts.files import write_whole
from scripts.scans import Declaration

from .codes import GRADIENT_WEIGHTED_ACTIVATION, SALIENCY, highdicom
from .heat import heat_captures, heat_parametric_map
from .producer import Producer
from .report import classification_report
from .segmentation import lobe_producer, lobe_segmentation, lobes_on_source
from .source import TOLERANCE, SourceSeries, read_source

__all__ = ["DicomObjects"]


class DicomObjects:
    """Write each answered DICOM series' results into its own study, as DICOM objects.

    Lobes become a segmentation: those of a mask on the scan's voxels, else those that the lobe network found
    when it made the box.

    Writes ``dicom/NNNN_NAME/report.dcm``, ``heat_map.dcm``, ``heat_overlay_N.dcm`` and ``lobes.dcm``. A scan
    that is no DICOM series, or one that no object can refer to, keeps its answer, and one line says why it
    has no objects. A heat map that is 0 everywhere makes none, nor do lobes that cannot be a patient's.

    Args:
        output_dir: the folder that holds predictions.csv too.
        version: of the bundle.

    Raises:
        UserError: highdicom is not installed.
    """

    def __init__(self, output_dir: str | Path, version: str) -> None:
        highdicom()
        self.folder = Path(output_dir)
        self.version = version
        self.count = self.written = 0

    def start(self, predictor: Predictor) -> None:
        self.count = self.written = 0
        hashes = [described.weights_sha256 for described in predictor.model.files]
        joined = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
        self.producer = Producer(self.version, joined, type(predictor.network).__name__)

    def take(self, answer: Answer) -> None:
        self.count += 1
        if not answer.prediction:
            return
        try:
            objects = self._objects(answer)
        except UserError as mistake:
            print(f"no DICOM results for {mistake}")
            return
        folder = self.folder / "dicom" / answer.stem
        for name, dataset in objects.items():
            write_whole(folder / f"{name}.dcm", dataset.save_as)
        self.written += 1

    def finish(self) -> None:
        print(f"DICOM results of {self.written} of {self.count} scans: {self.folder / 'dicom'}")

    def _objects(self, answer: Answer) -> dict[str, Any]:
        source = read_source(answer.path, Declaration(series=answer.series or None))
        _check_geometry(source, answer)
        objects: dict[str, Any] = {}
        explanation = answer.explanation if answer.is_explained else None
        if explanation is not None and explanation.heat_map.scale:
            heat, explained = explanation.array, explanation.target
            gradients = explanation.method.startswith(("grad_cam", "cam"))
            quantity = GRADIENT_WEIGHTED_ACTIVATION if gradients else SALIENCY
            objects["heat_map"] = heat_parametric_map(source, heat, explained, self.producer, quantity)
            captures = heat_captures(source, heat, explained, self.producer, answer.window)
            objects |= {f"heat_overlay_{number}": one for number, one in enumerate(captures, 1)}
        objects |= self._lobes(source, answer)
        named = {name.replace("_", " ").capitalize(): dataset for name, dataset in objects.items()}
        return {"report": classification_report(source, answer, self.producer, named), **objects}

    def _lobes(self, source: SourceSeries, answer: Answer) -> dict[str, Any]:
        try:
            if answer.lobes is None:
                return {}
            lobes, _ = answer.lobes
            producer = lobe_producer(lobes, self.version)
            return {"lobes": lobe_segmentation(source, lobes_on_source(source, lobes), producer)}
        except UserError as mistake:
            print(f"no DICOM lobes for {mistake}")
            return {}


def _check_geometry(source: SourceSeries, answer: Answer) -> None:
    """Make sure that the series is, voxel for voxel, the scan that was answered for."""
    place = answer.geometry
    if place is None or place.shape != source.shape or np.abs(place.affine - source.affine).max() > TOLERANCE:
        raise UserError(
            f"{answer.path}: its slices changed since they were read; DICOM results refer to the series"
        )
