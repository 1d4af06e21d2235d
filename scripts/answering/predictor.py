"""One object that answers for a scan: in a notebook, in a service, and in ``run inference``."""

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from torch import nn
from torch.utils.data import DataLoader

from scripts.checkpoints import DistanceRecord
from scripts.errors import UserError
from scripts.explanation import HeatMapMethod, combine, default_method, explain, lobes_of, slice_curve
from scripts.networks import Ensemble, scan_features
from scripts.processes import loading_processes
from scripts.scans import scan_items
from scripts.statistics import Calibration, with_prior
from scripts.transforms import ScanDataset, describe, preprocessing_digest, voxels_per_scan

from .answer import UNLIKE_TRAINING, Answer, Explanation, Geometry
from .models import load_model

__all__ = ["Predictor"]

NOT_FINITE = "non_finite_output"


class Predictor:
    """Answer for chest CT scans with a trained checkpoint; its model file says how.

    Args:
        checkpoint: ``model.pt`` with ``model.json`` beside it; several, or an ``ensemble.json``, answer by
            the mean of their probabilities.
        device: where the network runs; None takes the GPU where there is one.
        inferer: how a scan is shown to the network, e.g. :class:`scripts.networks.FlipInferer`; None as the
            model file says.
        prior: shares of the classes where the scans come from; None: as in training.
        abstain_below: abstain when the highest probability is lower.
        abstain_unlike: abstain for a scan that is unlike those the network was trained on.
        method: makes a heat map's method from the network, and from the model's ``window`` where it takes
            one; None takes the papers' own.
        lobe_ckpt_path: of the lobe network, where the model needs one; None looks beside the checkpoint.
        lobe_labels: how lobe masks are numbered, a key of ``scripts.lobes.LABEL_TABLES``.
        explain_target: index of the class that heat maps explain; None: the predicted one.
        amp: half precision, on a GPU only.
        declared: dotted names of parts of your own that the model file may use.

    Raises:
        UserError: a checkpoint lacks its model file, is damaged, or its parts cannot be built; or a prior is
            stated and the training's is not known.

    Example::

        answer = Predictor("RUN/model.pt")("scan.nii.gz", explain=True)
        answer.probabilities["COVID-19"], answer.flags, answer.explanation.array
    """

    def __init__(
        self,
        checkpoint: str | Path | Sequence[str | Path],
        device: str | torch.device | None = None,
        *,
        inferer: Inferer | None = None,
        prior: Sequence[float] | None = None,
        abstain_below: float = 0.0,
        abstain_unlike: bool = False,
        method: Callable[..., HeatMapMethod] | None = None,
        lobe_ckpt_path: str | Path | None = None,
        lobe_labels: str = "bundle",
        explain_target: int | None = None,
        amp: bool = False,
        declared: Collection[str] = (),
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        lobe_checkpoints = [] if lobe_ckpt_path is None else [lobe_ckpt_path]
        self.model = load_model(checkpoint, self.device, lobe_checkpoints, declared)
        self.inferer = inferer or self.model.inferer
        self.prior = None if prior is None else self._checked_prior(prior)
        self.abstain_below = abstain_below
        self.abstain_unlike = abstain_unlike
        self.make_method = method or default_method
        self.lobe_labels = lobe_labels
        if explain_target is not None and explain_target not in range(len(self.classes)):
            raise UserError(
                f"explain_target={explain_target} is not a class; expected 0 to {len(self.classes) - 1}"
            )
        self.explain_target = explain_target
        self.amp = amp and self.device.type == "cuda"

    @property
    def classes(self) -> list[str]:
        """Names by index."""
        return self.model.classes

    @property
    def network(self) -> nn.Module:
        """In eval mode, on its device."""
        return self.model.network

    @cached_property
    def methods(self) -> list[HeatMapMethod]:
        """What makes heat maps, on each grid; members of an ensemble that share one are explained as one."""
        takes_window = "window" in inspect.signature(self.make_method).parameters
        windows, network = self.model.windows, self.network
        networks = [network]
        if isinstance(network, Ensemble) and len(windows) > 1:
            networks = [network.on_grid(grid) for grid in range(len(windows))]
        return [
            self.make_method(network, **({"window": window} if takes_window else {}))
            for network, window in zip(networks, windows, strict=True)
        ]

    def __call__(self, scan: Any, explain: bool = False, **declared: Any) -> Answer:
        """Answer for one scan.

        Args:
            scan: a file, a folder of slices, a scan in a zip (``archive.zip::folder``), or an array in HU
                with its affine, ``(array, affine)``.
            explain: make the heat map at once.
            declared: what the scan does not say of itself, in the fields of a datalist's item.

        Raises:
            UserError: the path holds more than one scan.
        """
        answers = list(self.predict([scan], batch_size=1, explain=explain, **declared))
        if len(answers) != 1:
            raise UserError(f"{scan}: holds {len(answers)} scans; ask for all of them with predict([...])")
        return answers[0]

    def predict(
        self, scans: Any, batch_size: int = 4, workers: int = 0, explain: bool = False, **declared: Any
    ) -> Iterator[Answer]:
        """Answer for scans one after the other; what memory it takes does not grow with their number.

        Args:
            scans: files, folders, zips and arrays with affines; or one.
            batch_size: scans in one pass of the network.
            workers: processes that read scans.
            explain: make each heat map.
            declared: as for a single scan.
        """
        items = _items(scans, declared)
        if not items:
            return
        data = ScanDataset(items, self.model.preprocessing, keep_refused=True)
        workers = loading_processes(workers, batch_size, voxels_per_scan(self.model.preprocessing))
        for batch in DataLoader(data, batch_size, num_workers=workers, collate_fn=list):
            yield from self.answers(batch, self.raw(batch), explain)

    @torch.inference_mode()
    def raw(self, items: Sequence[Mapping[str, Any]]) -> torch.Tensor:
        """Return the network's own probabilities, ``(B, classes)``, not calibrated.

        Args:
            items: of a ``ScanDataset``, with the grid, or grids, of each scan.
        """
        grids = self._grids(items)
        with torch.autocast(self.device.type, enabled=self.amp):
            logits = self.inferer(grids[0], self.network, *grids[1:])
        return logits.float().softmax(dim=1)

    def answers(
        self,
        items: Sequence[Mapping[str, Any]],
        raw: Sequence[torch.Tensor] | torch.Tensor,
        explain: bool = False,
    ) -> list[Answer]:
        """Make the answers of a batch out of what the network said.

        Args:
            items: of a ``ScanDataset`` that keeps refused scans.
            raw: the network's probabilities of each, ``(classes,)``.
            explain: make the heat maps, all in one go.
        """
        distances = self._training_distances(items)
        made = [
            self._answer(item, one, explain, distance)
            for item, one, distance in zip(items, raw, distances, strict=True)
        ]
        answered = [index for index, answer in enumerate(made) if answer.prediction]
        if explain and answered:
            chosen = self._explain([items[i] for i in answered], [made[i] for i in answered])
            for index, explanation in zip(answered, chosen, strict=True):
                made[index] = replace(made[index], explain=partial(_given, explanation))
        return made

    @property
    def training_prior(self) -> list[float]:
        """Shares of the classes that the network was trained with; empty where they are not known."""
        if self.model.calibration is not None:
            return self.model.calibration.training_prior
        known = [described.training_prior for described in self.model.files]
        return known[0] if all(one == known[0] for one in known) else []

    def use_calibration(self, calibration: Calibration | None) -> None:
        """Answer with another calibration from now on.

        Args:
            calibration: None is identity.
        """
        self.model = replace(self.model, calibration=calibration)

    def use_training_distance(self, record: DistanceRecord | None) -> None:
        """Measure how unlike the training scans others are from now on.

        Args:
            record: None measures nothing.
        """
        (described,) = self.model.files
        changed = described.model_copy(update={"training_distance": record})
        self.model = replace(self.model, files=[changed])

    def settings(self) -> dict[str, Any]:
        """Return what a run records: the model's facts, and the choices of whoever asks."""
        calibration = self.model.calibration
        return {
            "model": self.model.facts(),
            "calibration": None if calibration is None else calibration.as_json(),
            "prior": self.prior,
            "inferer": type(self.inferer).__name__,
            "abstain_below": self.abstain_below,
            "abstain_unlike": self.abstain_unlike,
        }

    def identity(self, explain: bool = False) -> dict[str, Any]:
        """Return what answers depend on besides the scans: where all of it is the same, so are they.

        Args:
            explain: heat maps are made too.
        """
        distance = self.model.training_distance
        how = {"explain_target": self.explain_target, "explain_with": describe(self.make_method)}
        return {
            "model": [described.weights_sha256 for described in self.model.files],
            "network's code": describe(type(self.network)),
            "classes": self.classes,
            "preprocessing": preprocessing_digest(self.model.preprocessing),
            "calibration": self.settings()["calibration"],
            "prior": self.prior,
            "abstain_below": self.abstain_below,
            "abstain_unlike": self.abstain_unlike,
            "training_distance": distance and [distance.threshold, distance.fitted_on],
            "test_time_inferer": describe(self.inferer),
            "amp": self.amp,
            "lobe_labels": self.lobe_labels,
            "explain": explain,
            **(how if explain else {}),
        }

    def calibrated(self, raw: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return calibrated probabilities, ``(classes,)``, and the classes that reach their threshold."""
        calibration = self.model.calibration
        if calibration is None:
            if self.prior is None:
                return raw, ()
            return with_prior(raw, self.training_prior, self.prior), ()
        return calibration.apply(raw, self.prior), tuple(calibration.above_threshold(raw))

    def _checked_prior(self, prior: Sequence[float]) -> list[float]:
        shares = [float(share) for share in prior]
        if len(shares) != len(self.classes) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
            raise UserError(
                f"prior={list(prior)}: expected a positive share of each of {', '.join(self.classes)}, "
                f"with the sum 1"
            )
        if not self.training_prior:
            raise UserError(
                f"{self.model.checkpoints[0]}: its model file does not say which shares of the classes it "
                f"was trained with, so they cannot be exchanged for others; leave out --prior"
            )
        return shares

    def features(self, items: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return what the network makes of scans, ``(B, C)``: see :func:`scripts.networks.scan_features`.

        Args:
            items: of a ``ScanDataset``, with the grid of each scan.
        """
        return scan_features(self.network, self._grids(items)[0]).double().cpu().numpy()

    def _training_distances(self, items: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """Return each scan's distance to the training scans, None of a refused one; one more plain pass."""
        record = self.model.training_distance
        accepted = [index for index, item in enumerate(items) if not item["refusal"]["code"]]
        distances: list[float | None] = [None] * len(items)
        if record is not None and accepted:
            found = record.distances(self.features([items[index] for index in accepted])).tolist()
            for index, distance in zip(accepted, found, strict=True):
                distances[index] = distance if math.isfinite(distance) else math.inf
        return distances

    def _answer(
        self, item: Mapping[str, Any], raw: torch.Tensor, explain: bool, distance: float | None = None
    ) -> Answer:
        image = item["image"]
        refusal, message = item["refusal"]["code"], item["refusal"]["message"]
        if not refusal and not torch.isfinite(raw).all():
            refusal, message = NOT_FINITE, "the network gave no finite probability; check the checkpoint"
        reason = f"{refusal}: {message}" if refusal else ""
        said = np.asarray(raw.as_subclass(torch.Tensor).double().cpu())
        probabilities, above = (said, ()) if refusal else self.calibrated(said)
        if not refusal and probabilities.max() < self.abstain_below:
            reason = (
                f"uncertain: the highest probability {probabilities.max():.3f} is under {self.abstain_below}"
            )
        elif not refusal and self.abstain_unlike and distance is not None and distance > 1:
            reason = f"{UNLIKE_TRAINING}: {distance:.2f} times as far from the training scans as is usual"
        meta = image.meta
        named = (
            []
            if refusal
            else [dict(zip(self.classes, p.tolist(), strict=True)) for p in (probabilities, said)]
        )
        return Answer(
            name=str(item.get("name") or meta["filename_or_obj"]),
            position=int(item.get("position", 0)),
            path=str(meta["path"]),
            series=str(meta["series"]),
            patient=str(item.get("patient") or meta.get("patient", "")),
            label=int(item["label"]) if "label" in item else None,
            classes=tuple(self.classes),
            probabilities=named[0] if named else {},
            raw=named[1] if named else {},
            above_threshold=above,
            abstain=bool(reason),
            reason=reason,
            refusal=refusal,
            read_flags=tuple(str(meta["flags"]).split()),
            content_hash=str(meta.get("content_hash", "")),
            intensity=str(meta["intensity"]),
            geometry=None if refusal else _geometry(image),
            grid=None if refusal else image.as_tensor()[0].cpu(),
            window=self.model.windows[0],
            training_distance=distance,
            is_explained=explain,
            explain=None if refusal else partial(self._explain_one, item, raw),
            find_lobes=None if refusal else partial(lobes_of, item, self.lobe_labels),
        )

    def _grids(self, items: Sequence[Mapping[str, Any]]) -> list[torch.Tensor]:
        """Return the scans on each of the model's grids, ``(B, 1, R, A, S)``."""
        return [
            torch.stack([item[name].as_subclass(torch.Tensor) for item in items]).to(self.device)
            for name in self.model.grid_keys
        ]

    def _explain_one(self, item: Mapping[str, Any], raw: torch.Tensor) -> Explanation:
        return self._explain([item], [self._answer(item, raw, False)])[0]

    def _explain(self, items: Sequence[Mapping[str, Any]], answers: Sequence[Answer]) -> list[Explanation]:
        grids = self._grids(items)
        predicted = [self.classes.index(answer.prediction) for answer in answers]
        target = self.explain_target
        classes = torch.tensor(predicted if target is None else [target] * len(items), device=self.device)
        on_grids = [explain(method, x, classes) for method, x in zip(self.methods, grids, strict=True)]
        heat_maps = on_grids[0]
        if isinstance(self.network, Ensemble) and len(grids) > 1:
            names, seen = self.model.grid_keys, self.network.grids
            shares = [seen.count(number) / len(seen) for number in range(len(names))]
            heat_maps = [
                combine(maps, [np.asarray(item[name].affine) for name in names], shares)
                for item, maps in zip(items, zip(*on_grids, strict=True), strict=True)
            ]
        curves = cache(partial(slice_curve, self.network, grids[0]) if len(grids) == 1 else _no_curve)
        return [
            Explanation(
                heat_map,
                self.classes[heat_map.target],
                " and ".join(dict.fromkeys(method.name for method in self.methods)),
                _geometry(item["image"]),
                partial(_curve_of, curves, index),
            )
            for index, (item, heat_map) in enumerate(zip(items, heat_maps, strict=True))
        ]


def _items(scans: Any, declared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an item for each scan in paths, and for each array with its affine."""
    named = [scans] if isinstance(scans, (str, Path)) or _is_array(scans) else list(scans)
    if not any(map(_is_array, named)):
        return scan_items(named, declared)
    items: list[dict[str, Any]] = []
    for scan in named:
        one = {"image": scan, "name": f"array {len(items)}", **declared}
        items += [one] if _is_array(scan) else scan_items([scan], declared)
    return items


def _is_array(scan: Any) -> bool:
    return isinstance(scan, tuple) and len(scan) == 2 and hasattr(scan[0], "ndim")


def _given(explanation: Explanation) -> Explanation:
    return explanation


def _no_curve() -> None:
    """Return no curve: the members' grids have slices of their own."""


def _curve_of(curves: Callable[[], torch.Tensor | None], index: int) -> torch.Tensor | None:
    found = curves()
    return None if found is None else found[index].cpu()


def _geometry(image: MetaTensor) -> Geometry:
    columns, rows, slices = (int(size) for size in image.meta["original_shape"])
    affine = np.asarray(image.meta["original_affine"], dtype=float)
    return Geometry(affine, (columns, rows, slices), np.asarray(image.affine, dtype=float))
