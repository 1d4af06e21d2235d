import json

import torch
from ignite.engine import Engine
from toy_run import NAMES, answers, toy_datalist

from scripts.evaluation import CalibrationFitter, calibrate_once

ITEMS = toy_datalist(210)["validation"]
ACCEPTED = {"code": "", "message": ""}


def engine_of(ckpt_path, items=ITEMS, refusal=ACCEPTED):
    probabilities = torch.from_numpy(answers(items))

    def step(engine, row):
        item = items[row]
        engine.state.batch = [item | {"name": item["image"], "refusal": refusal}]
        return [{"pred": probabilities[row]}]

    engine = Engine(step)
    CalibrationFitter(str(ckpt_path), NAMES, [0.4, 0.3, 0.3], 0.9).attach(engine)
    evaluator = type("Evaluator", (), {"run": staticmethod(lambda: engine.run(range(len(items))))})
    return evaluator


def test_the_calibration_lies_beside_the_weights_and_stays_while_they_do(tmp_path, capsys):
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"weights")
    calibrate_once(engine_of(weights), ITEMS, weights)
    written = (tmp_path / "calibration.json").read_text()
    content = json.loads(written)
    assert content["temperature"] > 1 and content["sensitivity"] == 0.9
    assert content["fitted_on"]["scans"] == len(ITEMS)
    calibrate_once(engine_of(weights, ITEMS[:8]), ITEMS[:8], weights)
    assert (tmp_path / "calibration.json").read_text() == written
    assert "calibrated before" in capsys.readouterr().out
    weights.write_bytes(b"trained again")
    calibrate_once(engine_of(weights, ITEMS[:8]), ITEMS[:8], weights)
    assert json.loads((tmp_path / "calibration.json").read_text())["fitted_on"]["scans"] == 8


def test_without_a_validation_list_nothing_is_fitted_and_it_is_said(tmp_path, capsys):
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"weights")
    calibrate_once(engine_of(weights), [], weights)
    calibrate_once(engine_of(weights, refusal={"code": "no_lungs", "message": ""}), ITEMS, weights)
    assert capsys.readouterr().out.count("stay uncalibrated") == 2
    assert not (tmp_path / "calibration.json").exists()
