"""How the tests of this folder read predictions."""

from scripts.datalists import CLASSES
from scripts.statistics import class_columns, raw_columns, read_predictions

CALIBRATED, RAW = class_columns(CLASSES), raw_columns(CLASSES)


def table(path, columns=CALIBRATED):
    """Return the probabilities of each scan, as people read them or as the network said them."""
    return {row["image"]: [float(row[name]) for name in columns] for row in read_predictions(path)}
