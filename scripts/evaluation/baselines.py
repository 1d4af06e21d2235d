"""What a score must beat: predictors that never look at the lungs, or hardly do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .intervals import estimate, patient_weights
from .metrics import classification_metrics, weighted_figures
from .scan_features import ScanFeatures
from .table import PredictionTable

__all__ = ["BASELINES", "baseline_tables", "compare"]

Features = Mapping[str, ScanFeatures]


@dataclass(frozen=True)
class Baseline:
    """A predictor that knows little.

    Attributes:
        what: it is, for people.
        build: makes a classifier as scikit-learn has them.
        read: numbers that it sees of a scan; None if it looks at no scan.
    """

    what: str
    build: Callable[[], Any]
    read: Callable[[ScanFeatures], Sequence[float]] | None = None


BASELINES = {
    "majority_class": Baseline(
        "always the commonest class of the training scans", lambda: DummyClassifier(strategy="prior")
    ),
    "header_and_geometry": Baseline(
        "random forest on voxel sizes, shape and storage order of the axes",
        lambda: RandomForestClassifier(200, min_samples_leaf=3, random_state=0),
        lambda features: features.header,
    ),
    "lung_volume_and_opacity": Baseline(
        "logistic regression on litres of air in the lungs and the share of opacity in their box",
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        lambda features: features.lungs,
    ),
}


def baseline_tables(
    reported: PredictionTable, training: Sequence[Mapping[str, Any]], features: Features
) -> dict[str, PredictionTable]:
    """Let each baseline answer for the reported scans, trained on scans of other patients.

    Where the reported scans have folds, those of a fold are answered by a baseline that was trained on the
    other folds, as the networks were.

    Args:
        reported: the scans to answer for.
        training: items of the training list, with ``name``, ``patient``, ``label`` and perhaps ``fold``.
        features: of scans by name; scans without are left out.

    Returns:
        A table for each of :data:`BASELINES`, of the reported scans that have features; none where a
        baseline could not be trained or has no scan to answer.
    """
    tables = {name: _answers(baseline, reported, training, features) for name, baseline in BASELINES.items()}
    return {name: table for name, table in tables.items() if table is not None}


def _answers(
    baseline: Baseline, reported: PredictionTable, training: Sequence[Mapping[str, Any]], features: Features
) -> PredictionTable | None:
    def seen(name: str) -> Sequence[float] | None:
        if baseline.read is None:
            return (0.0,)
        return baseline.read(features[name]) if name in features else None

    known = reported.rows(np.array([seen(image) is not None for image in reported.images], dtype=bool))
    answers = np.zeros_like(known.probabilities)
    for fold in [None] if known.folds is None else np.unique(known.folds).tolist():
        rows = np.arange(len(known)) if fold is None else np.flatnonzero(known.folds == fold)
        patients = {known.patients[row] for row in rows}
        learnt = [
            item
            for item in training
            if seen(item["name"]) is not None
            and item["patient"] not in patients
            and (fold is None or item.get("fold") != fold)
        ]
        if len({item["label"] for item in learnt}) < 2:
            return None
        model = baseline.build()
        model.fit([seen(item["name"]) for item in learnt], [item["label"] for item in learnt])
        chances = model.predict_proba([seen(known.images[row]) for row in rows])
        answers[np.ix_(rows, model.classes_)] = chances
    return known.with_probabilities(answers) if len(known) else None


def compare(
    network: PredictionTable, baseline: PredictionTable, class_names: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """Report a baseline's figures, and by how much the network beats it on the same scans.

    Args:
        network: answers of the network.
        baseline: answers of a baseline for some of the same scans.
        class_names: one name a class.
        seed: of the bootstrap, which is paired.
    """
    place = {image: row for row, image in enumerate(network.images)}
    same = network.rows(np.array([place[image] for image in baseline.images]))
    weights = patient_weights(baseline.patients, seed=seed)
    ours, theirs = (
        weighted_figures(table.probabilities, table.labels, weights)["three_class_accuracy"]
        for table in (same, baseline)
    )
    metrics = classification_metrics(
        baseline.probabilities, baseline.labels, baseline.patients, class_names, seed
    )
    return {"metrics": metrics, "network_minus_baseline_three_class_accuracy": estimate(ours - theirs)}
