"""The folds' ensemble and flips as configs, beside what cross-validation itself averaged."""

import json

import numpy as np
import pytest
from small_runs import RAW, table

from scripts.datalists import CLASSES, read_datalist
from scripts.errors import user_error_behind
from scripts.evaluation import write_calibration
from scripts.statistics import Calibration, read_predictions

SHAPE = {"spatial_shape": [24, 24, 16], "num_workers": 0}  # as the fixture trained with


@pytest.fixture
def checkpoints(cross_validation):
    return [str(cross_validation / "folds" / fold / "model.pt") for fold in ("0", "1")]


@pytest.mark.parametrize(("recipes", "name"), [([], "test.csv"), (["recipe_flips.yaml"], "test_flipped.csv")])
def test_inference_by_the_ensemble_answers_as_the_cross_validation_did(
    recipes, name, checkpoints, phantoms, cross_validation, run_config, tmp_path
):
    scans = [item["image"] for item in read_datalist(phantoms / "datalist.json")["test"]]
    run_config(
        "inference", ["inference.yaml", *recipes, "ensemble.yaml"],
        ckpt_paths=checkpoints, scans=scans, output_dir=str(tmp_path), **SHAPE,
    )  # fmt: skip
    answers, expected = table(tmp_path / "predictions.csv"), table(cross_validation / name, RAW)
    np.testing.assert_allclose(list(answers.values()), list(expected.values()), atol=1e-5)
    content = json.loads((tmp_path / "predictions.json").read_text())
    assert content["checkpoint"] == checkpoints and len(set(content["checkpoint_sha256"])) == 2


def test_the_ensemble_s_calibration_is_used_where_it_is_named(
    checkpoints, phantoms, cross_validation, run_config, tmp_path
):
    stored = Calibration(
        list(CLASSES), 2.0, False, [0.4, 0.3, 0.3], 0.95, {name: {"value": 0.5} for name in CLASSES}, {}
    )
    write_calibration(stored, tmp_path / "calibration.json")
    run_config(
        "inference", ["inference.yaml", "ensemble.yaml"], ckpt_paths=checkpoints, output_dir=str(tmp_path),
        calibration_file=str(tmp_path / "calibration.json"),
        scans=[item["image"] for item in read_datalist(phantoms / "datalist.json")["test"]], **SHAPE,
    )  # fmt: skip
    answers, raw = table(tmp_path / "predictions.csv"), table(cross_validation / "test.csv", RAW)
    np.testing.assert_allclose(list(answers.values()), stored.apply(np.array(list(raw.values()))), atol=1e-5)


def test_the_ensemble_is_evaluated_on_the_second_datalist(checkpoints, phantoms, run_config, tmp_path):
    run_config(
        "evaluation", ["train.yaml", "evaluate.yaml", "external.yaml", "ensemble.yaml"],
        ckpt_paths=checkpoints, dataset_dir=str(phantoms), output_dir=str(tmp_path),
        label_mapping={"0": 0, "1": None, "2": 2}, **SHAPE,
    )  # fmt: skip
    labels = [row["label"] for row in read_predictions(tmp_path / "predictions.csv")]
    assert (
        set(labels) == {"0", "2"}
        and len(labels) == json.loads((tmp_path / "metrics.json").read_text())["scans"]
    )


def test_an_ensemble_without_checkpoints_is_refused_in_one_line(phantoms, run_config, tmp_path):
    with pytest.raises(Exception, match=r".") as caught:
        run_config(
            "inference", ["inference.yaml", "ensemble.yaml"],
            scans=str(phantoms / "images"), output_dir=str(tmp_path), **SHAPE,
        )  # fmt: skip
    assert "ckpt_paths" in str(user_error_behind(caught.value))


def test_an_external_test_stands_beside_the_internal_one_by_source(
    phantoms, cross_validation, run_config, tmp_path
):
    content = json.loads((phantoms / "datalist.json").read_text())
    names = ["normal", "CAP", "covid"]
    items = [
        {"image": str(phantoms / item["image"]), "label": names[item["label"]], "patient": item["patient"],
         "source": f"hospital {number % 2}"}
        for number, item in enumerate(content["test"] + content["validation"])
    ]  # fmt: skip
    (tmp_path / "datalist.json").write_text(json.dumps({"test": items}))
    run_config(
        "external_test", ["external_test.yaml"], dataset_dir=str(tmp_path), output_dir=str(cross_validation),
        name="elsewhere", label_mapping={"normal": 0, "CAP": 1, "covid": 2}, num_workers=0,
    )  # fmt: skip
    answers, internal = (table(cross_validation / name) for name in ("external_elsewhere.csv", "test.csv"))
    found = {image.rsplit("/", 1)[1]: values for image, values in answers.items()}
    for image, values in internal.items():
        np.testing.assert_allclose(found[image.rsplit("/", 1)[1]], values, atol=1e-5)
    figures = json.loads((cross_validation / "external_elsewhere.json").read_text())
    assert figures["internal_test"]["scans"] == len(content["test"])
    assert {name: part["scans"] for name, part in figures["external_by_source"].items()} == {
        "hospital 0": len(items) - len(items) // 2, "hospital 1": len(items) // 2,
    }  # fmt: skip
