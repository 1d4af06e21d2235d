import json
from pathlib import Path

import pytest
import torch
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import FlStatistics
from monai.fl.utils.exchange_object import ExchangeObject

from scripts.networks import pa_66_m

ROOT = Path(__file__).parents[2]
SHAPE = [24, 24, 16]


@pytest.fixture
def algorithm(phantoms, tmp_path):
    settings = {
        "dataset_dir": str(phantoms),
        "output_dir": str(tmp_path / "site"),
        "spatial_shape": SHAPE,
        "batches_per_epoch": 2,
        "num_workers": 0,
    }
    built = MonaiAlgo(
        str(ROOT),
        send_weight_diff=False,
        config_evaluate_filename="configs/train.json",
        train_kwargs=settings,
        eval_kwargs=settings,
    )
    built.initialize()
    yield built
    built.finalize()


@pytest.mark.filterwarnings("ignore:executing the bundle config:UserWarning")
def test_a_site_evaluates_and_trains_from_the_global_weights_round_after_round(algorithm, phantoms):
    weights = pa_66_m(spatial_shape=SHAPE).state_dict()
    selecting = json.loads((phantoms / "datalist.json").read_text())["validation"]
    for number in (1, 2):
        metrics = algorithm.evaluate(ExchangeObject(weights=weights)).metrics
        assert metrics["accuracy"] * len(selecting) == pytest.approx(
            round(metrics["accuracy"] * len(selecting))
        )
        evaluated = algorithm.evaluator.network.state_dict()
        assert all(torch.equal(value, evaluated[name]) for name, value in weights.items())
        algorithm.train(ExchangeObject(weights=weights))
        learnt = algorithm.get_weights()
        assert learnt.statistics[FlStatistics.NUM_EXECUTED_ITERATIONS] == 2
        assert algorithm.trainer.state.epoch == number
        assert learnt.weights.keys() == weights.keys()
        assert not torch.equal(learnt.weights["type_head.weight"], weights["type_head.weight"])
        weights = {name: value.clone() for name, value in learnt.weights.items()}
