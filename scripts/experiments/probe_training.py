"""A probe trained on a datalist: scans encoded once, the strength chosen, the fit measured and written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from tqdm import tqdm

from scripts.checkpoints import AdaptedTo, CalibrationRecord, RunModelFile
from scripts.errors import UserError
from scripts.features import (
    STRENGTHS,
    Features,
    ProbeFit,
    adapted_probe,
    check_adaptation,
    cross_fitted_record,
    cross_validate_probe,
    embed,
    items_to_encode,
    joined,
)
from scripts.files import write_json, write_whole
from scripts.networks import EncoderProbe, FeatureStore
from scripts.statistics import Calibration, PredictionTable, fit_calibration, table_metrics

__all__ = ["ProbeTraining"]


@dataclass(frozen=True)
class ProbeTraining:
    """Fit a probe to scans and leave it in a run's folder, like the weights of any other network.

    With ``adapt_to`` the probe is for scans like those, of which no label is read; what cross-validation says
    is then of the labelled scans and the probe before it was adapted, and no threshold is known.

    The folder gains ``model.pt`` (a few kB: the encoder is named by its hash) with its model file, whose
    calibration is fitted on predictions for patients that the probe which made them did not know,
    ``features.npz``, and ``probe.json``: the encoder, the strength, and the metrics of those predictions.

    Attributes:
        network: that is filled.
        model_file: says beside the weights what they are.
        output_dir: the run's folder.
        class_names: by index, as ``{"0": name, ...}`` or a sequence.
        preprocessing: from an item to the encoder's grid.
        cache_dir: of the scans' features; may be shared between runs.
        num_workers: processes that read scans.
        folds: of the cross-validation, outer and inner.
        strengths: to choose from, scikit-learn's C.
        seed: of the folds.
        adapt_to: scans that the probe is to be adapted to, or a datalist of them; None: none.
        adaptation: how, one of :data:`scripts.features.ADAPTATIONS`.
        ill: stated share of those scans that is not of class 0; None leaves the threshold.
    """

    network: EncoderProbe
    model_file: RunModelFile
    output_dir: str | Path
    class_names: Mapping[str, str] | Sequence[str]
    preprocessing: Compose
    cache_dir: str | Path
    num_workers: int = 1
    folds: int = 5
    strengths: Sequence[float] = STRENGTHS
    seed: int = 0
    adapt_to: str | Sequence[str] | None = None
    adaptation: str | None = None
    ill: float | None = None

    def run(self, items: Sequence[Mapping[str, Any]], device: torch.device) -> ProbeFit:
        """Encode the items' scans, fit the probe, and write it.

        Args:
            items: of a datalist.
            device: that encodes.

        Raises:
            UserError: a scan was refused, a class has too few patients, or the adaptation is not one.
        """
        others = self._others()
        features = self.encode(items, device)
        fit = cross_validate_probe(
            features.values, features.labels, features.patient, features.source,
            len(self.names), self.folds, self.strengths, self.seed,
        )  # fmt: skip
        folder = Path(self.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        features.write(folder / "features.npz")
        uniform = [1 / len(self.names)] * len(self.names)  # classes weigh alike in the fit
        calibration = fit_calibration(self._table(features, fit.same_strength), self.names, uniform)
        probe, known = fit.probe, features
        told: dict[str, Any] = {}
        if others:
            target = self._embedded(others, device).accepted()
            probe = adapted_probe(
                features, target.values, fit.strength, len(self.names), str(self.adaptation),
                self.ill, calibration.temperature,
            )  # fmt: skip
            known = joined([features, target])
            calibration = self._adapted(calibration)
            told = {"adapted_to": self._adapted_to(target), "training_prior": calibration.training_prior}
        probe.fill(self.network)
        weights = {name: value.cpu() for name, value in self.network.state_dict().items()}
        write_whole(folder / "model.pt", lambda file: torch.save(weights, file))
        self.model_file.write(
            folder / "model.pt",
            features.content_hash,
            calibration=CalibrationRecord.of(calibration),
            training_distance=cross_fitted_record(probe.standardised(known.values), known.patient),
            **told,
        )
        record = self._record(features, fit)
        if others:
            adapted = told["adapted_to"]
            record["adapted_to"] = {"method": adapted.method, "ill": adapted.ill, "scans": adapted.count}
            print(f"adapted to {adapted.count} scans without labels: {adapted.method}, ill {adapted.ill}")
        write_json(folder / "probe.json", record)
        print(
            f"{folder / 'model.pt'}: strength {fit.strength:g}; on patients that it did not know, balanced "
            f"accuracy {record['out_of_fold']['balanced_accuracy']['value']:.3f} of {len(features)} scans"
        )
        return fit

    @property
    def names(self) -> list[str]:
        """The classes' names, by index."""
        named = self.class_names
        return list(named.values() if isinstance(named, Mapping) else named)

    def encode(self, items: Sequence[Mapping[str, Any]], device: torch.device) -> Features:
        """Return the scans' features, from the cache where they are there.

        Raises:
            UserError: a scan was refused; a training set that shrinks unseen is another training set.
        """
        features = self._embedded(items, device)
        refused = [
            f"  {name}: {why}" for name, why in zip(features.name, features.refusal, strict=True) if why
        ]
        if refused:
            lines = "\n".join(refused)
            raise UserError(
                f"{len(refused)} of {len(features)} scans cannot be used; mend them or take them out of the "
                f"datalist:\n{lines}"
            )
        return features

    def _embedded(self, items: Sequence[Mapping[str, Any]], device: torch.device) -> Features:
        encoder = self.network.encoder
        encoder.store = FeatureStore(self.cache_dir)
        rows = embed(items, encoder, self.preprocessing, device, self.num_workers)
        return joined(list(tqdm(rows, desc="encoding scans", total=len(items), unit="scan")))

    def _others(self) -> list[dict[str, Any]]:
        """Return the items to adapt to, without labels."""
        if self.adapt_to is None:
            if self.adaptation is not None or self.ill is not None:
                raise UserError("--adaptation and --ill are of the scans to adapt to: name them, --adapt_to")
            return []
        check_adaptation(self.adaptation, self.ill)
        found = items_to_encode(self.adapt_to)
        return [{key: value for key, value in item.items() if key != "label"} for item in found]

    def _adapted(self, calibration: Calibration) -> Calibration:
        """Return the calibration of the adapted probe: what it cannot know any more is taken out."""
        unknown = {name: {"value": None, "interval_95_percent": None} for name in self.names}
        prior = calibration.training_prior
        if self.ill is not None:  # the probabilities are for these shares now
            prior = [1 - self.ill, *[self.ill / (len(self.names) - 1)] * (len(self.names) - 1)]
        return replace(calibration, thresholds=unknown, training_prior=prior)

    def _adapted_to(self, target: Features) -> AdaptedTo:
        hashes = sorted(set(target.content_hash)) if self.model_file.tell_scans else []
        return AdaptedTo(method=str(self.adaptation), ill=self.ill, scans=hashes, count=len(target))

    def _table(self, features: Features, probabilities: np.ndarray) -> PredictionTable:
        columns = {"image": list(features.name), "patient": list(features.patient), "label": features.labels}
        source = "patients unknown to the probe that predicts, in cross-validation"
        return PredictionTable.of(self.names, probabilities, columns, source=source)

    def _record(self, features: Features, fit: ProbeFit) -> dict[str, Any]:
        return {
            "encoder": self.network.encoder.encoder.name,
            "encoder_sha256": self.network.encoder.sha256,
            "precision": self.network.encoder.precision,
            "sources": dict(Counter(features.source)),
            "strength": fit.strength,
            "losses": {f"{strength:g}": loss for strength, loss in fit.losses.items()},
            "fold_strengths": fit.fold_strengths,
            "out_of_fold": table_metrics(self._table(features, fit.probabilities)),
        }
