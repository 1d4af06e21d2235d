"""Class against source, spacing, slice count, masked background ...; and the shortcut probe."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from .features import Association, Cells, associate, encode
from .findings import FAILED, PASSED, SKIPPED, WARNING, Finding, Table
from .probe import FEWEST_PATIENTS, probe_shortcuts

__all__ = ["ALARM", "check_associations", "check_probe"]

ALARM = 0.005  # p of each of the two checks: at most 1 of 100 clean datalists raises a false alarm
SHUFFLES = 999  # of the labels: the least p is 1 in 1000
STRONG = 0.3  # Cramer's V; from here on a table alone predicts much of the class
MUCH = 0.55  # AUC; a probe whose interval lies above predicts much of the class
ALWAYS_SHOWN = ("source", "pixel_spacing", "slice_spacing", "slices", "masked_body")


def check_associations(
    features: Mapping[str, Sequence[Any]],
    labels: Sequence[int],
    patients: Sequence[str],
    names: Sequence[str],
) -> Finding:
    """Tabulate the class against each feature.

    Args:
        features: see :func:`~.features.feature_table`.
        labels: of the scans.
        patients: whose scan each is.
        names: of the classes.
    """
    if len(set(labels)) < 2:
        return Finding("class_tables", SKIPPED, "all scans are of one class: nothing to compare")
    cells = encode(features)
    found = associate(cells, labels, patients, SHUFFLES)
    alarms = sorted(
        (a for a in found if a.p_value <= ALARM), key=lambda a: (a.name not in ALWAYS_SHOWN, -a.cramers_v)
    )
    shown = dict.fromkeys([*(a.name for a in alarms), *(n for n in ALWAYS_SHOWN if n in cells.names)])
    tables = [_overview(found, features, labels)]
    tables += [_cross_table(cells.of(cells.names.index(name)), labels, names) for name in shown]
    numbers = {
        "features": {a.name: {"cramers_v": round(a.cramers_v, 4), "p": a.p_value} for a in found},
        "constant": sorted(set(features) - set(cells.names)),
    }
    if not alarms:
        summary = f"none of {len(found)} features goes with the class beyond chance (p > {ALARM} over all)"
        return Finding("class_tables", PASSED, summary, tables=tables, numbers=numbers)
    first = ", ".join(f"{a.name} (V {a.cramers_v:.2f})" for a in alarms[:5])
    return Finding(
        "class_tables",
        FAILED if max(a.cramers_v for a in alarms) >= STRONG else WARNING,
        f"{len(alarms)} of {len(found)} features that show no lesion go with the class: {first}; "
        f"a network can learn them in place of the disease",
        tables=tables,
        numbers=numbers,
    )


def check_probe(
    features: Mapping[str, Sequence[Any]], labels: Sequence[int], patients: Sequence[str]
) -> Finding:
    """Ask whether a simple classifier predicts the class from what carries no lesion.

    Args:
        features: see :func:`~.features.feature_table`.
        labels: of the scans.
        patients: whose scan each is.
    """
    people = {(label, patient) for label, patient in zip(labels, patients, strict=True)}
    counts = Counter(label for label, _ in people)
    cells = encode(features)
    if len(counts) < 2 or min(counts.values()) < FEWEST_PATIENTS or not cells.names:
        why = "two classes of at least 10 patients and a feature that differs between scans"
        return Finding("shortcut_probe", SKIPPED, f"too little to cross-validate: it needs {why}")
    probe = probe_shortcuts(cells, labels, patients, SHUFFLES)
    low, high = probe.interval
    ranked = sorted(probe.alone, key=lambda name: -probe.alone[name][0])
    leading = [name for name in ranked if probe.alone[name][1] > 0.5][:3] or ranked[:1]
    measured = (
        f"AUC {probe.auc:.2f} (95 % interval {low:.2f} to {high:.2f}, chance 0.50, p {probe.p_value:.3f}), "
        f"accuracy {probe.accuracy:.0%}, majority-class baseline {probe.majority:.0%}"
    )
    tables = [_probe_table(probe.alone, probe.importance)]
    alone = {
        name: {"value": auc, "interval_95_percent": [low, high]}
        for name, (auc, low, high) in probe.alone.items()
    }
    numbers = {
        "auc": {"value": probe.auc, "interval_95_percent": [low, high]}, "p": probe.p_value,
        "accuracy": probe.accuracy, "majority_class_baseline": probe.majority, "alone": alone,
        "importance": probe.importance,
    }  # fmt: skip
    if probe.p_value > ALARM:
        summary = f"what carries no lesion does not predict the class: {measured}"
        return Finding("shortcut_probe", PASSED, summary, tables=tables, numbers=numbers)
    return Finding(
        "shortcut_probe",
        FAILED if low >= MUCH else WARNING,
        f"SHORTCUT: the class can be predicted without looking at the lungs: {measured}; most by "
        f"{', '.join(leading)}",
        tables=tables,
        numbers=numbers,
    )


def _overview(
    found: Sequence[Association], features: Mapping[str, Sequence[Any]], labels: Sequence[int]
) -> Table:
    rows = [
        (a.name, f"{a.cramers_v:.2f}", _eta_squared(features[a.name], labels), f"{a.p_value:.3f}")
        for a in sorted(found, key=lambda a: (a.p_value, -a.cramers_v))
    ]
    title = "Every feature against the class; p is the chance of any feature this strongly associated"
    return Table(title, ("feature", "Cramer's V", "eta squared of ranks", "p"), rows)


def _eta_squared(values: Sequence[Any], labels: Sequence[int]) -> str:
    """Return the share of the ranks' variance between classes; a dash for text.

    >>> _eta_squared([1, 2, 3, 4], [0, 0, 1, 1]), _eta_squared(["a", "b"], [0, 1])
    ('0.80', '-')
    """
    known = [(value, label) for value, label in zip(values, labels, strict=True) if value is not None]
    if any(isinstance(value, str) for value, _ in known) or len(known) < 3:
        return "-"
    ranks = stats.rankdata([value for value, _ in known])
    own = np.array([label for _, label in known])
    total = ((ranks - ranks.mean()) ** 2).sum()
    between = sum((own == k).sum() * (ranks[own == k].mean() - ranks.mean()) ** 2 for k in np.unique(own))
    return f"{between / total:.2f}" if total else "-"


def _cross_table(cells: Cells, labels: Sequence[int], names: Sequence[str]) -> Table:
    present = sorted(set(labels))
    own = np.asarray(labels)
    rows = []
    for k, title in enumerate(cells.titles):
        counts = [int(cells.matrix[own == label, k].sum()) for label in present]
        shares = [count / (own == label).sum() for count, label in zip(counts, present, strict=True)]
        rows.append((title, *(f"{count} ({share:.1%})" for count, share in zip(counts, shares, strict=True))))
    return Table(
        f"{cells.names[0]}: scans of each class, and share of the class",
        (cells.names[0], *(names[label] for label in present)),
        rows,
    )


def _probe_table(alone: Mapping[str, tuple[float, float, float]], importance: Mapping[str, float]) -> Table:
    rows = [
        (name, f"{auc:.2f}", f"{low:.2f} to {high:.2f}", f"{importance[name]:+.3f}")
        for name, (auc, low, high) in sorted(alone.items(), key=lambda entry: -entry[1][0])
    ]
    columns = ("feature", "AUC alone", "95 % interval", "fall of the whole probe's AUC when shuffled")
    return Table("What the probe uses", columns, rows)
