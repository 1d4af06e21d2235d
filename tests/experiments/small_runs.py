"""How the tests of this folder read predictions."""

from scripts.evaluation import read_predictions


def table(path):
    """Return the probabilities of each scan."""
    columns = ("prob_non_pneumonia", "prob_other_pneumonia", "prob_covid_19")
    return {row["image"]: [float(row[name]) for name in columns] for row in read_predictions(path)}
