"""Two classes (COVID-19 or not) and four (grades of severity), by the documented commands, on phantoms.

From the datalist through training, cross-validation, evaluation, report and inference to DICOM.
"""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from scripts.datalists import class_names, read_datalist
from scripts.errors import UserError, user_error_behind
from scripts.phantoms import draw_phantom, write_data_set
from scripts.phantoms.dicom_series import write_dicom_series


@dataclass(frozen=True)
class Case:
    """A task, the recipe that fits it, and what must come of it."""

    task: str
    recipe: tuple[str, ...]
    classes: list[str]
    columns: list[str]
    codes: set[str]  # that a DICOM report may give as the most probable class


CASES = [
    Case(
        "covid_19",
        ("recipe_wa_66.yaml",),
        ["not COVID-19", "COVID-19"],
        ["prob_not_covid_19", "prob_covid_19"],
        {"not_covid_19", "covid_19"},
    ),
    Case(
        "severity",
        (),
        ["none", "mild", "moderate", "severe"],
        ["prob_none", "prob_mild", "prob_moderate", "prob_severe"],
        {"260413007", "255604002", "6736007", "24484000"},
    ),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.task)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def data(case, tmp_path_factory):
    """The folder of sixteen phantoms with the classes of the task."""
    folder = tmp_path_factory.mktemp(case.task)
    write_data_set(folder, 16, seed=0, shape=(64, 64, 48), workers=1, task=case.task)
    return folder


@pytest.fixture(scope="module")
def run(case, data, tmp_path_factory, run_config, small):
    """The folder of a finished training."""
    folder = tmp_path_factory.mktemp("run")
    places = {"dataset_dir": str(data), "output_dir": str(folder)}
    run_config("training", ["train.yaml", *case.recipe], **places, **small)
    return folder


def rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def check_predictions(found, items, case):
    """Each scan has one row, with a probability of each class, by the classes' own names."""
    assert sorted(row["image"] for row in found) == sorted(item["name"] for item in items)
    for row in found:
        assert [name for name in row if name.startswith("prob_")] == case.columns
        values = {name: float(row[column]) for name, column in zip(case.classes, case.columns, strict=True)}
        assert sum(values.values()) == pytest.approx(1, abs=1e-4)
        assert values[row["prediction"]] == max(values.values())


def refusal(run_config, *arguments, **override):
    """Return the user's mistake behind what a run raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  MONAI wraps it
        run_config(*arguments, **override)
    mistake = user_error_behind(caught.value)
    assert mistake is not None, caught.value
    return str(mistake)


def test_training_tells_the_datalists_classes_apart_and_validates_on_them(case, data, run):
    assert class_names(data / "datalist.json") == case.classes
    history = rows(run / "history.csv")
    assert len(history) == 2
    for row in history:
        assert 0 <= float(row["validation_accuracy"]) <= 1
        assert math.isfinite(float(row["validation_log_likelihood"])) and math.isfinite(float(row["loss"]))
    weights = torch.load(run / "model.pt", weights_only=True)
    heads = {name: len(value) for name, value in weights.items() if name.endswith("bias") and "head" in name}
    count = len(case.classes)
    expected = {"head.4.bias": count} if count == 2 else {
        "detection_head.bias": 2, "type_head.bias": count - 1, "combined_head.2.bias": count,
    }  # fmt: skip
    assert expected.items() <= heads.items()


@pytest.mark.parametrize("recipe", [(), ("recipe_wa_66_m.yaml",), ("recipe_sa_66_m.yaml",)])
def test_two_classes_are_refused_by_a_multi_task_network_before_a_scan_is_read(
    recipe, data, case, tmp_path, run_config, small
):
    mapping = {"mild": "none", "moderate": "severe"} if case.task == "severity" else None
    places = {"dataset_dir": str(data), "output_dir": str(tmp_path), "label_mapping": mapping}
    told = refusal(run_config, "training", ["train.yaml", *recipe], **places, **small)
    assert "2 classes leave the type branch" in told
    assert all(name in told for name in ("wa_66", "sa_66", "resnet18", "da_ca_resnet18"))
    assert not (tmp_path / "cache").exists()


def test_a_class_without_a_training_scan_is_refused_before_a_scan_is_read(
    case, data, tmp_path, run_config, small
):
    content = json.loads((data / "datalist.json").read_text())
    content["classes"].append("unseen")
    for item in sum((content[name] for name in ("training", "validation", "test")), []):  # noqa: RUF017
        item["image"] = "not/there.nii.gz"
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    places = {"dataset_dir": str(tmp_path), "output_dir": str(tmp_path / "run")}
    told = refusal(run_config, "training", ["train.yaml", *case.recipe], **places, **small)
    assert "the training list has no scan of class 'unseen'" in told


def test_counts_of_other_classes_are_refused_before_a_scan_is_read(case, data, tmp_path, run_config, small):
    places = {"dataset_dir": str(data), "output_dir": str(tmp_path), "batch_sampler::counts": [10]}
    told = refusal(run_config, "training", ["train.yaml", *case.recipe], **places, **small)
    assert "counts=[10] are of 1 classes" in told and not (tmp_path / "cache").exists()


def test_a_mapping_merges_the_papers_classes_at_training_and_no_later_command_repeats_it(
    phantoms, tmp_path, run_config, small
):
    mapping = {"non-pneumonia": "not COVID-19", "other pneumonia": "not COVID-19"}
    places = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path), "label_mapping": mapping}
    ran = run_config("training", ["train.yaml", "recipe_wa_66.yaml"], **places, **small)
    assert ran.parser.get_parsed_content("classes") == ["not COVID-19", "COVID-19"]
    labels = [item["label"] for item in ran.parser.get_parsed_content("parts")["train"]]
    papers = [item["label"] for item in read_datalist(phantoms / "datalist.json")["training"]]
    assert labels == [int(label == 2) for label in papers]
    evaluation = ["train.yaml", "evaluate.yaml"]
    del places["label_mapping"]
    run_config("evaluation", evaluation, report=False, **places, **small)
    found = {row["image"]: int(row["label"]) for row in rows(tmp_path / "predictions.csv")}
    test = read_datalist(phantoms / "datalist.json")["test"]
    assert found == {item["name"]: int(item["label"] == 2) for item in test}
    content = json.loads((phantoms / "datalist.json").read_text())
    for item in sum((content[name] for name in ("training", "validation", "test")), []):  # noqa: RUF017
        item["image"] = str(phantoms / item["image"])
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    told = refusal(run_config, "evaluation", evaluation, **places | {"dataset_dir": str(tmp_path)}, **small)
    assert "means none of the classes not COVID-19, COVID-19; say which with label_mapping" in told


def test_classes_that_are_asked_for_decide_the_order_of_the_outputs(data, case, tmp_path, run_config, small):
    asked = [case.classes[0], *case.classes[:0:-1]]
    places = {"dataset_dir": str(data), "output_dir": str(tmp_path), "classes": asked}
    ran = run_config("training", ["train.yaml", *case.recipe], **places, **small)
    found = {item["name"]: item["label"] for item in ran.parser.get_parsed_content("parts")["train"]}
    own = {item["name"]: item["label"] for item in read_datalist(data / "datalist.json")["training"]}
    assert {name: asked[label] for name, label in found.items()} == {
        name: case.classes[label] for name, label in own.items()
    }
    own_places = {"dataset_dir": str(data), "output_dir": str(tmp_path)}
    run_config("evaluation", ["train.yaml", "evaluate.yaml"], report=False, **own_places, **small)
    reported = {row["image"]: asked[int(row["label"])] for row in rows(tmp_path / "predictions.csv")}
    test = read_datalist(data / "datalist.json")["test"]
    assert reported == {item["name"]: case.classes[item["label"]] for item in test}


def test_evaluation_measures_and_reports_these_classes(case, data, run, tmp_path, run_config, small):
    run_config(
        "evaluation", ["train.yaml", *case.recipe, "evaluate.yaml"], dataset_dir=str(data),
        output_dir=str(tmp_path), ckpt_path=str(run / "model.pt"), **small,
    )  # fmt: skip
    test = read_datalist(data / "datalist.json")["test"]
    check_predictions(rows(tmp_path / "predictions.csv"), test, case)
    metrics = (tmp_path / "metrics.json").read_text()
    assert "three_class" not in metrics and '"accuracy"' in metrics
    assert all(f'"{name}"' in metrics for name in case.classes)
    page = (tmp_path / "report.html").read_text()
    assert "three-class" not in page.lower()
    assert all(name in page for name in case.classes)


def test_inference_answers_with_these_classes(case, data, run, tmp_path, run_config, small):
    test = read_datalist(data / "datalist.json")["test"]
    run_config(
        "inference", ["inference.yaml"], scans=[item["image"] for item in test], output_dir=str(tmp_path),
        ckpt_path=str(run / "model.pt"), explain=True, num_workers=0,
    )  # fmt: skip
    found = rows(tmp_path / "predictions.csv")
    named = [{"name": Path(item["name"]).name} for item in test]
    check_predictions(found, named, case)
    assert all((tmp_path / row["heat_map"]).is_file() for row in found)


def test_cross_validation_pools_these_classes(case, data, tmp_path, run_config, small):
    run_config(
        "cross_validation", ["cross_validate.yaml"], dataset_dir=str(data), output_dir=str(tmp_path),
        recipe=[f"configs/{name}" for name in case.recipe] or None, **small,
    )  # fmt: skip
    lists = read_datalist(data / "datalist.json")
    check_predictions(rows(tmp_path / "held_out.csv"), lists["training"], case)
    check_predictions(rows(tmp_path / "test.csv"), lists["test"], case)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["class_names"] == case.classes


def test_dicom_objects_code_these_classes(case, run, tmp_path, run_config):
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    phantom = draw_phantom(1, 2, shape=(64, 56, 40), orientation="LPS")
    write_dicom_series(phantom.hounsfield, phantom.affine, tmp_path / "series")
    run_config(
        "inference", ["inference.yaml", "dicom.yaml"], scans=[str(tmp_path / "series")], num_workers=0,
        ckpt_path=str(run / "model.pt"), output_dir=str(tmp_path / "out"),
    )  # fmt: skip
    report = next(path for path in (tmp_path / "out" / "dicom").rglob("report.dcm"))
    text = pydicom.dcmread(report).to_json()
    assert all(f"Probability of the class {name}" in text for name in case.classes)
    assert sum(f'"{code}"' in text for code in case.codes) == 1


def test_classes_are_refused_where_they_are_not_the_networks(case, data, run, tmp_path, run_config, small):
    other = [*case.classes[:-1], "something else"]
    told = refusal(
        run_config, "evaluation", ["train.yaml", *case.recipe, "evaluate.yaml"], dataset_dir=str(data),
        output_dir=str(tmp_path), ckpt_path=str(run / "model.pt"), classes=other, **small,
    )  # fmt: skip
    assert "something else" in told


def test_one_class_is_refused_by_every_command_that_reads_a_datalist(tmp_path):
    (tmp_path / "datalist.json").write_text(json.dumps({"classes": ["COVID-19"]}))
    with pytest.raises(UserError, match="nothing to tell apart"):
        read_datalist(tmp_path / "datalist.json")
