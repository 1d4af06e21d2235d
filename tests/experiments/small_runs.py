"""What the tests of this folder share: the size of their runs, and how they read predictions."""

from scripts.evaluation import read_predictions

SMALL = {"spatial_shape": [24, 24, 16], "max_epochs": 2, "batches_per_epoch": 1, "num_workers": 0}


def table(path):
    """Return the probabilities of each scan."""
    columns = ("prob_non_pneumonia", "prob_other_pneumonia", "prob_covid_19")
    return {row["image"]: [float(row[name]) for name in columns] for row in read_predictions(path)}
