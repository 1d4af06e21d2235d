"""The folds' ensemble and flips as configs, beside what cross-validation itself averaged."""

import json

import numpy as np
import pytest
from small_runs import RAW, table

from scripts.datalists import read_datalist
from scripts.errors import user_error_behind
from scripts.statistics import BASELINES, read_predictions

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
        "inference", ["inference.yaml", *recipes],
        ckpt_path=checkpoints, scans=scans, output_dir=str(tmp_path), **SHAPE,
    )  # fmt: skip
    answers, expected = table(tmp_path / "predictions.csv"), table(cross_validation / name, RAW)
    np.testing.assert_allclose(list(answers.values()), list(expected.values()), atol=1e-5)
    content = json.loads((tmp_path / "predictions.json").read_text())
    assert content["checkpoint"] == checkpoints and len(set(content["checkpoint_sha256"])) == 2


def test_the_ensemble_s_file_answers_as_the_cross_validation_calibrated(
    phantoms, cross_validation, run_config, tmp_path
):
    run_config(
        "inference", ["inference.yaml"],
        ckpt_path=str(cross_validation / "ensemble.json"), output_dir=str(tmp_path),
        scans=[item["image"] for item in read_datalist(phantoms / "datalist.json")["test"]], **SHAPE,
    )  # fmt: skip
    answers, expected = table(tmp_path / "predictions.csv"), table(cross_validation / "test.csv")
    np.testing.assert_allclose(list(answers.values()), list(expected.values()), atol=1e-5)
    assert (
        json.loads((tmp_path / "predictions.json").read_text())["settings"]["calibration"]["temperature"] > 0
    )


def test_the_ensemble_is_evaluated_on_the_second_datalist(checkpoints, phantoms, run_config, tmp_path):
    run_config(
        "evaluation", ["train.yaml", "evaluate.yaml", "external.yaml"],
        ckpt_path=checkpoints, dataset_dir=str(phantoms), output_dir=str(tmp_path), report=False,
        label_mapping={"0": 0, "1": None, "2": 2}, audit_override=["trained_on"], **SHAPE,
    )  # fmt: skip
    labels = [row["label"] for row in read_predictions(tmp_path / "predictions.csv")]
    assert (
        set(labels) == {"0", "2"}
        and len(labels) == json.loads((tmp_path / "metrics.json").read_text())["scans"]
    )


def test_an_ensemble_without_checkpoints_is_refused_in_one_line(phantoms, run_config, tmp_path):
    with pytest.raises(Exception, match=r".") as caught:
        run_config(
            "inference", ["inference.yaml"], ckpt_path=[],
            scans=str(phantoms / "images"), output_dir=str(tmp_path), **SHAPE,
        )  # fmt: skip
    assert "no such checkpoint" in str(user_error_behind(caught.value))


def test_an_external_test_on_scans_that_taught_the_networks_is_refused(
    phantoms, cross_validation, run_config, tmp_path
):
    content = json.loads((phantoms / "datalist.json").read_text())
    items = [{**item, "image": str(phantoms / item["image"])} for item in content["training"]]
    (tmp_path / "datalist.json").write_text(json.dumps({"classes": content["classes"], "test": items}))
    with pytest.raises(Exception, match=r".") as caught:
        run_config(
            "external_test", ["external_test.yaml"], dataset_dir=str(tmp_path),
            output_dir=str(cross_validation), name="own", num_workers=0,
        )  # fmt: skip
    assert "trained or selected the model" in str(user_error_behind(caught.value))
    assert not (cross_validation / "external_own.csv").exists()


def test_an_external_test_stands_beside_the_internal_one_by_source_and_in_the_next_report(
    phantoms, cross_validation, run_config, small, tmp_path
):
    content = json.loads((phantoms / "datalist.json").read_text())
    names = ["normal", "CAP", "covid"]
    items = [
        {"image": str(phantoms / item["image"]), "label": names[item["label"]], "patient": item["patient"],
         "source": f"hospital {number % 2}"}
        for number, item in enumerate(content["test"])
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
    run_config(
        "cross_validation", ["cross_validate.yaml"], flips=True, report=True,
        dataset_dir=str(phantoms), output_dir=str(cross_validation), **small,
    )  # fmt: skip
    report = json.loads((cross_validation / "report.json").read_text())
    assert list(report["sets"]) == ["held_out", "test", "external_elsewhere"]
    for each in report["sets"].values():
        assert set(each["baselines"]) == set(BASELINES)
        found = {baseline["metrics"]["scans"] for baseline in each["baselines"].values()}
        assert found == {each["metrics"]["scans"]}
