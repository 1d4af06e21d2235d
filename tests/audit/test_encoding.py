import numpy as np

from scripts.audit.features import encode


def test_each_scan_lies_in_one_cell_of_each_feature():
    random = np.random.default_rng(0)
    features = {
        "width": [*random.normal(size=70), None, None],
        "kernel": [*random.choice(["B40f", "B70f", "C"], 70), None, "rare"],
        "format": ["nifti"] * 72,
        "masked_body": ["yes", "no"] * 36,
    }
    cells = encode(features)
    assert cells.names == ("width", "kernel", "masked_body")
    for feature in range(3):
        assert (cells.matrix[:, cells.owner == feature].sum(1) == 1).all()
    assert cells.of(1).titles == ("B40f", "B70f", "C", "other", "missing")


def test_a_curve_not_only_a_slope_is_seen():
    """The middle of a range is a cell of its own: a class of middle slice counts can be told."""
    values = np.linspace(0, 90, 91).tolist()
    cells = encode({"slices": values})
    middle = cells.matrix[:, 1] > 0
    assert not middle[0] and not middle[-1] and middle[45]


def test_few_values_are_levels_in_their_order():
    assert encode({"spacing": [10.0, 2.5, 5.0, 2.5]}).titles == ("2.5", "5", "10")


def test_without_a_feature_that_differs_there_are_no_cells():
    assert encode({"a": [1, 1, 1], "b": [None, None, None]}).matrix.shape == (3, 0)
