"""A checkpoint, or several, with all that an answer takes: network, preprocessing, classes, calibration."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from monai.inferers import Inferer
from monai.transforms import Compose
from torch import nn

from scripts import bundle_root
from scripts.checkpoints import (
    CalibrationRecord,
    DistanceRecord,
    EnsembleFile,
    ModelFile,
    build_inferer,
    build_network,
    build_region,
    model_file_path,
)
from scripts.errors import UserError
from scripts.lobes import LobeSegmenter
from scripts.networks import Ensemble, place_network, read_state_dict, remember_features, weights_hash
from scripts.statistics import Calibration
from scripts.transforms import LoadScand, ToGrid, ToGridd, preprocessing_digest

__all__ = ["Model", "first_model_file", "load_model"]

LOBES_KEY = "lobes"  # of the path of a lobe mask in an item


@dataclass(frozen=True, eq=False)
class Model:
    """What answers for a scan.

    Attributes:
        network: in eval mode, on its device; an ensemble takes several grids of a scan.
        preprocessing: from an item's path to its grid or grids.
        inferer: how a scan is shown to the network where nobody chooses another.
        classes: by index.
        calibration: of the network, or of the ensemble as a whole; None is identity.
        files: the model file of each member.
        checkpoints: the weights of each member.
        ensemble: path of the ``ensemble.json``, or None.
    """

    network: nn.Module
    preprocessing: Compose
    inferer: Inferer
    classes: list[str]
    calibration: Calibration | None
    files: list[ModelFile] = field(repr=False)
    checkpoints: list[Path]
    ensemble: Path | None = None

    @property
    def windows(self) -> list[tuple[float, float]]:
        """Level and width in HU of each grid, the first first."""
        return [to_grid.window for to_grid in _grids(self.preprocessing)]

    @property
    def grid_keys(self) -> list[str]:
        """Where a preprocessed item holds each grid."""
        return ["image", *(f"image_grid_{number}" for number in range(1, len(self.windows)))]

    @property
    def taught_by(self) -> set[str] | None:
        """The hashes of all scans that trained, selected or adapted a member; None: one does not tell."""
        found: set[str] = set()
        for described in self.files:
            taught, adapted = described.taught_by, described.adapted_to
            if taught is None:
                return None
            found.update(taught.training, taught.validation, adapted.scans if adapted else ())
        return found

    @property
    def training_distance(self) -> DistanceRecord | None:
        """Tells scans unlike the training scans; None of an ensemble, whose members may see several grids."""
        return self.files[0].training_distance if len(self.files) == 1 else None

    def facts(self) -> dict[str, Any]:
        """Return what the outputs of a run say of the model."""
        members = [
            {
                "checkpoint": str(path),
                "sha256": one.weights_sha256,
                **one.model_dump(
                    include={"network", "spatial_shape", "window", "region", "fold", "seed", "versions"}
                ),
                "preprocessing_changed": self._has_changed(one, index),
            }
            for index, (path, one) in enumerate(zip(self.checkpoints, self.files, strict=True))
        ]
        return {"classes": self.classes, "ensemble": self.ensemble and str(self.ensemble), "members": members}

    def _has_changed(self, described: ModelFile, index: int) -> bool | None:
        """Say whether the code from file to grid changed since training; None where that is not known."""
        if not described.preprocessing_sha256 or len(self.files) > 1:
            return None
        return described.preprocessing_sha256 != preprocessing_digest(self.preprocessing)


def load_model(
    checkpoint: str | Path | Sequence[str | Path],
    device: torch.device,
    lobe_checkpoints: Sequence[str | Path] = (),
    declared: Collection[str] = (),
) -> Model:
    """Load what a model file describes; of several checkpoints, or an ``ensemble.json``, their ensemble.

    Args:
        checkpoint: a ``model.pt``, several, or an ``ensemble.json``.
        device: where the network will run.
        lobe_checkpoints: where a lobe network may lie that the region needs; beside the checkpoint, and in
            the bundle's ``models/``, is looked too.
        declared: names of parts that the user's own config uses, beyond the closed list.

    Raises:
        UserError: a checkpoint has no model file, is damaged, or does not fit it; members differ in classes.
    """
    paths, calibration, ensemble = _members(checkpoint)
    files = [ModelFile.of(path) for path in paths]
    _check_classes(paths, files)
    grids: dict[str, int] = {}
    pipelines: list[Compose] = []
    members, places = [], []
    for path, described in zip(paths, files, strict=True):
        network = build_network(described.network, read_state_dict(path), declared)
        members.append(place_network(network, device))
        pipeline = _preprocessing(described, path, lobe_checkpoints, declared)
        place = grids.setdefault(preprocessing_digest(pipeline), len(grids))
        pipelines += [pipeline] if place == len(pipelines) else []
        places.append(place)
    alone = len(paths) == 1 and ensemble is None
    kept = files[0].calibration if alone else calibration
    return Model(
        network=members[0] if alone else remember_features(Ensemble(members, places).eval()),
        preprocessing=_together(pipelines),
        inferer=build_inferer(files[0].inferer, declared),
        classes=files[0].classes,
        calibration=kept.calibration() if kept is not None else None,
        files=files,
        checkpoints=paths,
        ensemble=ensemble,
    )


def first_model_file(checkpoint: str | Path | Sequence[str | Path]) -> ModelFile | None:
    """Read what a checkpoint, or the first of an ensemble, is, before its weights are; None without a file.

    Raises:
        UserError: the model file, or the ensemble's, is damaged.
    """
    named = checkpoint if isinstance(checkpoint, (str, Path)) else next(iter(checkpoint), "")
    if not Path(named).is_file():
        return None
    described = model_file_path(_members(checkpoint)[0][0])
    return ModelFile.read(described) if described.is_file() else None


def _members(
    checkpoint: str | Path | Sequence[str | Path],
) -> tuple[list[Path], CalibrationRecord | None, Path | None]:
    if isinstance(checkpoint, (str, Path)) and Path(checkpoint).suffix != ".json":
        return [Path(checkpoint)], None, None
    if not isinstance(checkpoint, (str, Path)):
        if not checkpoint:
            raise UserError("no checkpoint is named; expected a model.pt, several, or an ensemble.json")
        if len(checkpoint) > 1:
            return [Path(path) for path in checkpoint], None, None
        return _members(checkpoint[0])
    found = EnsembleFile.read(checkpoint)
    return found.checkpoints(checkpoint), found.calibration, Path(checkpoint)


def _check_classes(paths: Sequence[Path], files: Sequence[ModelFile]) -> None:
    for path, described in zip(paths, files, strict=True):
        if described.classes != files[0].classes:
            raise UserError(
                f"{path}: its classes are {', '.join(described.classes)}; those of {paths[0]} are "
                f"{', '.join(files[0].classes)}; members of an ensemble answer the same question"
            )


def _preprocessing(
    described: ModelFile, path: Path, lobe_checkpoints: Sequence[str | Path], declared: Collection[str]
) -> Compose:
    def find_segmenter(wanted: str) -> LobeSegmenter:
        places = [
            *lobe_checkpoints,
            path.with_name("lobe_model.pt"),
            Path(bundle_root(), "models", "lobe_model.pt"),
        ]
        known = {weights_hash(place): str(place) for place in map(Path, places) if place.is_file()}
        if wanted not in known:
            found = ", ".join(f"{place} ({sha[:12]}...)" for sha, place in known.items()) or "none"
            raise UserError(
                f"{path}: was trained with the boxes of a lobe network with SHA-256 {wanted[:12]}...; found "
                f"{found}; put it beside the checkpoint as lobe_model.pt, or name it with --lobe_ckpt_path"
            )
        return LobeSegmenter(known[wanted])

    region = build_region(described.region, find_segmenter, declared)
    lobes_key = LOBES_KEY if hasattr(region, "segmenter") else None
    shape, window = described.spatial_shape, (described.window[0], described.window[1])
    return Compose([LoadScand("image"), ToGridd("image", region, shape, window, lobes_key)])


def _together(pipelines: Sequence[Compose]) -> Compose:
    """Return one preprocessing that reads a scan once and puts it on the grid of each of several."""
    first, *others = pipelines
    if not others:
        return first
    steps = [pipeline.transforms[-1] for pipeline in pipelines]
    lobes_key = next((step.lobes_key for step in steps if step.lobes_key), None)
    own = steps[0].to_grid
    step = ToGridd(
        "image", own.region, own.spatial_shape, own.window, lobes_key, [s.to_grid for s in steps[1:]]
    )
    return Compose([LoadScand("image"), step])


def _grids(preprocessing: Compose) -> list[ToGrid]:
    step = next(t for t in preprocessing.transforms if isinstance(t, ToGridd))
    return [step.to_grid, *step.more]
