import statistics

import pytest

from scripts.statistics import ONE_VS_REST, OVERALL, over_folds


def metrics(accuracy, auc):
    one_class = {metric.name: {"value": auc} for metric in ONE_VS_REST}
    return {metric.name: {"value": accuracy} for metric in OVERALL} | {"one_vs_rest": {"COVID-19": one_class}}


def test_spread_is_that_of_a_sample():
    spread = over_folds([metrics(0.8, 0.9), metrics(0.9, 0.7), metrics(0.6, 0.8)])
    assert spread["accuracy"]["mean"] == pytest.approx(statistics.mean([0.8, 0.9, 0.6]))
    deviation = spread["accuracy"]["standard_deviation"]
    assert deviation == pytest.approx(statistics.stdev([0.8, 0.9, 0.6]))


def test_a_fold_that_lacks_a_class_is_counted_out_not_as_zero():
    spread = over_folds([metrics(0.8, None), metrics(0.9, 0.7)])["one_vs_rest"]["COVID-19"]["auc"]
    assert spread == {"mean": 0.7, "standard_deviation": None, "folds": 1}
