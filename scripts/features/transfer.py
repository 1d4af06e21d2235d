"""How well a probe does on patients that it does not know, within a data set or from one to another.

``python -m scripts transfer TARGET.npz`` leaves out one patient after another; with
``--source SOURCE.npz`` it fits on another data set, and where it adapts to the target, it does so without
labels and without the patient who is predicted.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from scripts.errors import UserError, show_user_errors_in_one_line

from .adaptation import ADAPTATIONS, adapted_probe
from .embedding import Features
from .probe import STRENGTHS, LinearProbe, fit_probe, scan_weights

__all__ = ["leave_one_patient_out", "main", "transfer"]

HEAD = ("adaptation", "strength", "right", "balanced accuracy", "AUC ill or not")


def leave_one_patient_out(features: Features, strength: float, classes: int) -> np.ndarray:
    """Predict each patient's scans by a probe that was fitted on those of all others.

    Args:
        features: labelled.
        strength: scikit-learn's C.
        classes: K.

    Returns:
        probabilities, ``(N, K)``.
    """

    def probe(others: np.ndarray) -> LinearProbe:
        known = features.subset(others)
        weights = scan_weights(known.labels, known.source)
        return fit_probe(known.values, known.labels, weights, strength, classes)

    return _by_patient(features, probe, classes)


def transfer(
    source: Features, target: Features, strength: float, adaptation: str, ill: float | None = None
) -> np.ndarray:
    """Predict the target's scans by a probe of the source, adapted to the target's other patients.

    Args:
        source: labelled; its classes are the probe's.
        target: whose labels are not looked at.
        strength: scikit-learn's C.
        adaptation: one of :data:`scripts.features.ADAPTATIONS`.
        ill: share of the target's scans that are not of class 0, where it is known: moves the threshold.

    Returns:
        probabilities, ``(N, K)``.
    """
    classes = int(source.labels.max()) + 1

    def probe(others: np.ndarray) -> LinearProbe:
        return adapted_probe(source, target.values[others], strength, classes, adaptation, ill)

    return _by_patient(target, probe, classes)


def _by_patient(features: Features, probe: Callable[[np.ndarray], LinearProbe], classes: int) -> np.ndarray:
    owners = np.asarray(features.patient)
    probabilities = np.zeros((len(features), classes))
    for owner in np.unique(owners):
        own = owners == owner
        probabilities[own] = probe(~own).probabilities(features.values[own])
    return probabilities


def _rows(options: argparse.Namespace) -> Iterator[tuple[str, float, np.ndarray, np.ndarray]]:
    """Yield adaptation, strength, labels and probabilities of each line of the table."""
    target = _labelled(options.target)
    if options.sources:
        target = target.subset(np.isin(target.source, options.sources))
    if options.source is None:
        labels = (target.labels > 0).astype(int) if options.ill_or_not else target.labels
        known = Features(**{**vars(target), "labels": labels})
        for strength in options.strengths:
            yield (
                "leave one patient out",
                strength,
                labels,
                leave_one_patient_out(known, strength, int(labels.max()) + 1),
            )
        return
    source = _labelled(options.source)
    if source.encoder != target.encoder:
        raise UserError(f"{options.source} and {options.target} come from different encoders")
    for adaptation in ADAPTATIONS:
        for strength in options.strengths:
            yield (
                adaptation,
                strength,
                target.labels,
                transfer(source, target, strength, adaptation, options.ill),
            )


def _labelled(path: Path) -> Features:
    features = Features.load(path).accepted()
    if len(features) == 0 or features.labels.min() < 0:
        raise UserError(f"{path}: scans without labels; encode a datalist.json instead of a folder")
    return features


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(prog="python -m scripts transfer", description=__doc__)
    parser.add_argument("target", type=Path, help="features.npz of labelled scans")
    parser.add_argument(
        "--source", type=Path, help="features.npz of the scans to fit on (default: the others)"
    )
    parser.add_argument("--sources", nargs="+", help="only scans of the target with these sources")
    parser.add_argument("--strengths", type=float, nargs="+", default=list(STRENGTHS), help="of the fit")
    parser.add_argument("--ill", type=float, help="share of the ill in the target, as far as it is known")
    parser.add_argument("--ill_or_not", action="store_true", help="two classes: class 0, and all others")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for adaptation, strength, labels, probabilities in _rows(options):
        predicted, ill = probabilities.argmax(1), labels > 0
        area = f"{roc_auc_score(ill, 1 - probabilities[:, 0]):.2f}" if 0 < ill.sum() < len(ill) else "none"
        right = f"{(predicted == labels).sum()} of {len(labels)}"
        balanced = balanced_accuracy_score(labels, predicted)
        print(f"| {adaptation} | {strength:g} | {right} | {balanced:.2f} | {area} |")


if __name__ == "__main__":
    main()
