"""What a score must beat: predictors that never look at the lungs, or hardly do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scripts.files import write_json
from scripts.text_files import read_json

from .summaries import paired_differences, table_metrics
from .table import PredictionTable

__all__ = [
    "BASELINES",
    "BASELINE_FOLDER",
    "ScanFeatures",
    "baseline_tables",
    "compare",
    "read_baselines",
    "write_baselines",
]

BASELINE_FOLDER = "baselines"  # of a run


@dataclass(frozen=True)
class ScanFeatures:
    """Numbers of one scan.

    Attributes:
        header: logarithms of the voxel sizes and of the shape along R, A, S, and the storage order of the
            axes (6 values).
        lungs: litres of enclosed air, and the share of opacity in the box around it.
        slice_spacing: distance of the axial slices in mm.
    """

    header: tuple[float, ...]
    lungs: tuple[float, float]
    slice_spacing: float


Features = Mapping[Any, ScanFeatures]


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
        "majority class of the training scans, for every scan",
        lambda: DummyClassifier(strategy="prior"),
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
    """Let each baseline predict the reported scans, trained on scans of other patients.

    Where the reported scans have folds, those of a fold are predicted by a baseline that was trained on the
    other folds, as the networks were.

    Args:
        reported: the scans to predict.
        training: items of the training list, with ``name``, ``patient``, ``label`` and perhaps ``fold``.
        features: of scans by name; scans without are left out.

    Returns:
        A table for each of :data:`BASELINES`, of the reported scans that have features; none where a
        baseline could not be trained or has no scan to predict.
    """
    tables = {
        name: _predictions(baseline, reported, training, features) for name, baseline in BASELINES.items()
    }
    return {name: table for name, table in tables.items() if table is not None}


def _predictions(
    baseline: Baseline, reported: PredictionTable, training: Sequence[Mapping[str, Any]], features: Features
) -> PredictionTable | None:
    def seen(name: Any) -> Sequence[float] | None:
        if baseline.read is None:
            return (0.0,)
        return baseline.read(features[name]) if name in features else None

    known = reported.rows(np.array([seen(image) is not None for image in reported.images], dtype=bool))
    probabilities = np.zeros_like(known.probabilities)
    images, everyone = known.images, known.patients
    for fold in [None] if known.folds is None else np.unique(known.folds).tolist():
        rows = np.arange(len(known)) if fold is None else np.flatnonzero(known.folds == fold)
        patients = {everyone[row] for row in rows}
        training_scans = [
            item
            for item in training
            if seen(item["name"]) is not None
            and str(item["patient"]) not in patients
            and (fold is None or item.get("fold") != fold)
        ]
        if len({item["label"] for item in training_scans}) < 2:
            return None
        model = baseline.build()
        model.fit([seen(item["name"]) for item in training_scans], [item["label"] for item in training_scans])
        found = model.predict_proba([seen(images[row]) for row in rows])
        probabilities[np.ix_(rows, model.classes_)] = found
    return known.with_probabilities(probabilities) if len(known) else None


def compare(network: PredictionTable, baseline: PredictionTable) -> dict[str, Any]:
    """Report a baseline's metrics, and by how much the network's accuracy exceeds it on the same scans.

    Args:
        network: predictions of the network.
        baseline: predictions of a baseline for some of the same scans.
    """
    same = network.rows(np.isin(network.images, baseline.images))
    gain = paired_differences(same, baseline)["accuracy"]
    return {"metrics": table_metrics(baseline), "network_minus_baseline_accuracy": gain}


def write_baselines(
    folder: Path,
    name: str,
    reported: PredictionTable,
    tables: Mapping[str, PredictionTable],
    features: Features,
) -> None:
    """Write what the baselines predict for a set of scans, and what they see of these.

    Args:
        folder: of the run; gains ``baselines/NAME.json``.
        name: of the set.
        reported: the set.
        tables: of :func:`baseline_tables`.
        features: of scans by name; those of other scans are left out.
    """
    content = {
        "predictions": {
            baseline: dict(zip(table.images, table.probabilities.tolist(), strict=True))
            for baseline, table in tables.items()
        },
        "features": {image: asdict(features[image]) for image in reported.images if image in features},
    }
    write_json(folder / BASELINE_FOLDER / f"{name}.json", content)


def read_baselines(
    folder: Path, name: str, reported: PredictionTable
) -> tuple[dict[str, PredictionTable], dict[str, ScanFeatures]]:
    """Undo :func:`write_baselines`; both are empty where the run did not write them.

    Args:
        folder: of the run.
        name: of the set.
        reported: the set; scans that are not in it any more are left out.
    """
    path = folder / BASELINE_FOLDER / f"{name}.json"
    if not path.is_file():
        return {}, {}
    content = read_json(path)
    tables = {}
    for baseline, answers in content["predictions"].items():
        known = reported.rows(np.array([image in answers for image in reported.images], dtype=bool))
        if baseline in BASELINES and len(known):
            tables[baseline] = known.with_probabilities(np.array([answers[image] for image in known.images]))
    features = {image: ScanFeatures(**found) for image, found in content["features"].items()}
    return tables, features
