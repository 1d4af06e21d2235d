import numpy as np
from toy_run import predictions

from scripts.statistics import ScanFeatures, subgroup_metrics
from scripts.statistics.subgroups import SMALLEST_GROUP

COUNT = 60
IMAGES = [f"{scan}.nii.gz" for scan in range(COUNT)]
LABELS = np.arange(COUNT) % 3
RIGHT = np.arange(COUNT) < 40
PROBABILITIES = np.eye(3)[np.where(RIGHT, LABELS, (LABELS + 1) % 3)]
TABLE = predictions(PROBABILITIES, LABELS, IMAGES)


def metrics(items, features=()):
    return subgroup_metrics(TABLE, {image: items(row) for row, image in enumerate(IMAGES)}, dict(features))


def test_groups_are_told_apart_and_counted():
    women, men = metrics(lambda row: {"sex": "F" if row < 40 else "M"})
    assert (women["group"], women["scans"], women["accuracy"]["value"]) == ("F", 40, 1.0)
    assert (men["group"], men["labels"], men["accuracy"]["value"]) == ("M", [6, 7, 7], 0.0)


def test_ages_and_slice_spacings_fall_into_bands():
    rows = metrics(
        lambda row: {"age": 39 if row < 30 else 40},
        {
            image: ScanFeatures((), (0, 0), 1.5 if row < 20 else 1.6) for row, image in enumerate(IMAGES)
        }.items(),
    )
    assert [(row["by"], row["group"], row["scans"]) for row in rows] == [
        ("age", "18 to 39", 30), ("age", "40 to 59", 30),
        ("slice spacing", "up to 1.5 mm", 20), ("slice spacing", "1.5 to 3 mm", 40),
    ]  # fmt: skip


def test_a_group_that_is_too_small_says_so_and_gives_no_accuracy():
    few, _ = metrics(lambda row: {"source": "a" if row < SMALLEST_GROUP - 1 else "b"})
    assert few["accuracy"] is None and few["reason"].startswith("9 patients are too few")


def test_what_does_not_vary_makes_no_groups():
    assert metrics(lambda row: {"source": "one", "severity": None}) == []
