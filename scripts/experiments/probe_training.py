"""A probe trained on a datalist: scans encoded once, the strength chosen, the fit measured and written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from tqdm import tqdm

from scripts.checkpoints import CalibrationRecord, RunModelFile
from scripts.errors import UserError
from scripts.features import STRENGTHS, Features, ProbeFit, cross_validate_probe, embed, joined
from scripts.files import write_json, write_whole
from scripts.networks import EncoderProbe, FeatureStore
from scripts.statistics import PredictionTable, fit_calibration, table_metrics

__all__ = ["ProbeTraining"]


@dataclass(frozen=True)
class ProbeTraining:
    """Fit a probe to scans and leave it in a run's folder, like the weights of any other network.

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

    def run(self, items: Sequence[Mapping[str, Any]], device: torch.device) -> ProbeFit:
        """Encode the items' scans, fit the probe, and write it.

        Args:
            items: of a datalist.
            device: that encodes.

        Raises:
            UserError: a scan was refused, or a class has too few patients.
        """
        features = self.encode(items, device)
        fit = cross_validate_probe(
            features.values, features.labels, features.patient, features.source,
            len(self.names), self.folds, self.strengths, self.seed,
        )  # fmt: skip
        folder = Path(self.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        features.write(folder / "features.npz")
        fit.probe.fill(self.network)
        weights = {name: value.cpu() for name, value in self.network.state_dict().items()}
        write_whole(folder / "model.pt", lambda file: torch.save(weights, file))
        uniform = [1 / len(self.names)] * len(self.names)  # classes weigh alike in the fit
        calibration = fit_calibration(self._table(features, fit.same_strength), self.names, uniform)
        self.model_file.write(folder / "model.pt", features.content_hash, CalibrationRecord.of(calibration))
        record = self._record(features, fit)
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
        encoder = self.network.encoder
        encoder.store = FeatureStore(self.cache_dir)
        rows = embed(items, encoder, self.preprocessing, device, self.num_workers)
        features = joined(list(tqdm(rows, desc="encoding scans", total=len(items), unit="scan")))
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
