"""A report of a folder whose truth is known; its scans are not on disk but where a test says so."""

import base64
import csv
import json
import shutil
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from toy_run import NAMES, answers, toy_datalist, write_answers, write_toy_model, write_toy_run

from scripts.checkpoints import ModelFile
from scripts.errors import UserError
from scripts.experiments import predict_baselines
from scripts.experiments.cross_validation import calibrate_cross_validation
from scripts.report import write_report
from scripts.report.content import fold_metrics
from scripts.report.run_folder import read_run_folder
from scripts.statistics import PredictionTable, fit_calibration, read_table
from scripts.transforms import LungRegion, preprocessing

PRIOR = [0.4, 0.3, 0.3]
KEYS = ("image", "patient", "label")
OPTIONAL = (
    "test.csv",
    "test_flipped.csv",
    "external_elsewhere.csv",
    "run.json",
    "costs.json",
    "validation.csv",
)


class Sources(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href", "xlink:href")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole cross-validation, reported: folder, datalist, report.json."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    datalist = write_toy_run(folder, toy_datalist(210))
    calibrate_cross_validation(folder, NAMES)
    write_report(folder, datalist, NAMES)
    return folder, datalist, json.loads((folder / "report.json").read_text())


@pytest.fixture
def copied(whole, tmp_path):
    """The run alone, without its report and its calibrations, to be changed."""
    shutil.copytree(whole[0], tmp_path / "run", ignore=shutil.ignore_patterns("report.*", "ensemble.json"))
    for weights in (tmp_path / "run").glob("folds/*/model.pt"):
        write_toy_model(weights)
    return tmp_path / "run", whole[1]


def test_the_page_opens_offline_and_has_every_part(whole):
    page = (whole[0] / "report.html").read_text()
    reader = Sources()
    reader.feed(page)
    assert reader.found and all(value.startswith(("#", "data:")) for value in reader.found)
    assert page.count("<svg") >= 2 + 3 * 4, "training curves; matrix, two curves and reliability of each set"
    for part in ("Summary", "Data", "Folds", "Calibration", "Baselines", "Subgroups", "CLAIM"):
        assert f">{part}" in page


def test_the_numbers_are_those_of_the_tables(whole):
    folder, _, report = whole
    assert list(report["sets"]) == ["held_out", "test", "external_elsewhere"]
    table = read_table(folder / "held_out.csv", NAMES)
    accuracy = (table.probabilities.argmax(axis=1) == table.labels).mean()
    assert report["sets"]["held_out"]["metrics"]["accuracy"]["value"] == pytest.approx(accuracy)
    folds = report["folds"]["held_out"]
    each = [fold["accuracy"]["value"] for fold in folds["each"].values()]
    spread = folds["over_folds"]["accuracy"]
    assert len(each) == 5 and spread["mean"] == pytest.approx(np.mean(each))
    assert spread["standard_deviation"] == pytest.approx(np.std(each, ddof=1))


def test_temperatures_come_from_validation_and_make_the_held_out_folds_better(whole):
    folder, _, report = whole
    found = report["sets"]["held_out"]["calibration"]
    assert len(found["temperatures"]) == 5 and all(value > 1.2 for value in found["temperatures"])
    assert all(each["source"] == "the validation list" for each in found["fitted_on"])
    before, after = (found["errors"][stage]["cross_entropy"]["value"] for stage in ("before", "after"))
    assert after < before
    for place in ("ensemble.json", "folds/0/model.json"):
        calibration = json.loads((folder / place).read_text())["calibration"]
        assert calibration["training_prior"] == [0.4, 0.3, 0.3]


def test_reported_scans_do_not_move_what_was_fitted(copied):
    folder, datalist = copied
    fitted = calibrate_cross_validation(folder, NAMES)
    content = json.loads(datalist.read_text())
    for place in (folder, *(folder / "folds" / str(fold) for fold in range(5))):
        write_answers(place / "test.csv", content["test"], answers(content["test"], skill=0, seed=5))
    assert calibrate_cross_validation(folder, NAMES) == fitted
    assert set(fitted) == {None, 0, 1, 2, 3, 4}


def test_the_items_of_the_checklist_lead_to_sections_that_are_there(whole):
    page = (whole[0] / "report.html").read_text()
    assert len(whole[2]["claim"]) > 15
    for row in whole[2]["claim"]:
        anchor = page.partition(f">{row['section']}</a>")[0].rpartition('href="#')[2].strip('">')
        assert f'<h2 id="{anchor}">{row["section"]}</h2>' in page


def test_the_first_screen_holds_headline_matrix_and_this_runs_warnings_the_footer_what_always_holds(whole):
    report, page = whole[2], (whole[0] / "report.html").read_text()
    first, _, rest = page.partition('<h2 id="data">')
    chief = next(iter(report["sets"].values()))["metrics"]["accuracy"]
    low, high = chief["interval_95_percent"]
    assert f"Accuracy {chief['value']:.3f}</p>\n<p>95 % interval {low:.3f} to {high:.3f}" in first
    assert first.count("<svg") == 1 and 'aria-label="Confusion matrix' in first
    assert 'class="notice warning"' not in first, "the scans are many, of people, and of another site too"
    assert all(
        escape(note) in rest.partition("<footer>")[2] and note not in first for note in report["notes"]
    )
    assert "{&#39;" not in page, "no dictionary as Python writes it"


def test_averaging_is_reported_as_gain_over_the_row_above(whole):
    rows = whole[2]["averaging"]
    assert [row["gain"] is None for row in rows] == [True, False, False]
    assert rows[1]["gain"]["value"] == pytest.approx(
        rows[1]["accuracy"]["value"] - rows[0]["accuracy"]["value"]
    )


def test_what_is_missing_shortens_the_report_and_breaks_nothing(copied):
    folder, datalist = copied
    for name in OPTIONAL:
        (folder / name).unlink()
    for fold in range(5):
        for name in ("history.csv", "validation.csv", "test.csv"):
            (folder / "folds" / str(fold) / name).unlink()
    write_report(folder, datalist, NAMES)
    report = json.loads((folder / "report.json").read_text())
    assert list(report["sets"]) == ["held_out"] and report["averaging"] == []
    assert report["sets"]["held_out"]["calibration"]["temperatures"] == []
    assert "no temperature" in (folder / "report.html").read_text()


def test_the_page_shows_the_overlays_of_chosen_scans_and_the_checklist_says_so(copied):
    folder, datalist = copied
    with (folder / "held_out.csv").open(newline="") as file:
        rows = [row | {"heat_map": f"{row['image']}.nii.gz"} for row in csv.DictReader(file)]
    with (folder / "held_out.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        overlay = folder / f"{row['image']}.png"
        overlay.parent.mkdir(exist_ok=True)
        overlay.write_bytes(row["image"].encode())
    write_report(folder, datalist, NAMES)
    report, page = (json.loads((folder / "report.json").read_text()), (folder / "report.html").read_text())
    assert len(report["heat_maps"]) == 3 and "explanation" in [row["subject"] for row in report["claim"]]
    for caption in report["heat_maps"]:
        image = caption.partition(": ")[2].partition(",")[0]
        assert caption in page and base64.b64encode(image.encode()).decode() in page


def test_a_fold_without_a_class_is_reported_with_the_reason(copied):
    folder, datalist = copied
    content = json.loads(datalist.read_text())
    fold = [item for item in content["training"] if item["fold"] == 2 and item["label"] != 2]
    write_answers(folder / "folds" / "2" / "held_out.csv", fold, answers(fold))
    found = fold_metrics(read_run_folder(folder, NAMES))["held_out"]
    assert found["each"]["2"]["one_vs_rest"]["COVID-19"]["auc"]["value"] is None
    assert found["each"]["2"]["undefined"]["COVID-19: auc"] == "no scan is of this class"
    assert found["over_folds"]["one_vs_rest"]["COVID-19"]["auc"]["folds"] == 4


@pytest.mark.parametrize(
    ("fault", "message"),
    [("validation", "must be of other patients than those reported"), ("nothing", "nothing to report")],
)
def test_planted_faults_are_named(copied, fault, message):
    folder, datalist = copied
    if fault == "validation":
        shutil.copy(folder / "test.csv", folder / "validation.csv")
    else:
        folder = folder.parent / "empty"
        folder.mkdir()
    with pytest.raises(UserError, match=message):
        write_report(folder, datalist, NAMES)


def test_a_plain_evaluation_is_reported_with_baselines_thumbnails_and_its_calibration(phantoms, tmp_path):
    content = json.loads((phantoms / "datalist.json").read_text())
    run = tmp_path / "run"
    raw = answers(content["test"], skill=0.2)
    write_answers(run / "predictions.csv", content["test"], raw)
    grid = preprocessing(LungRegion(), (24, 20, 16))
    scans = phantoms / "datalist.json", NAMES, grid, tmp_path / "cache"
    predict_baselines(run, *scans)
    write_report(run, *scans, prior=[0.8, 0.1, 0.1])
    report = json.loads((run / "report.json").read_text())
    (found,) = report["sets"].values()
    assert set(found["baselines"]) == {"majority_class", "header_and_geometry", "lung_volume_and_opacity"}
    assert report["stated_prior"] == [0.8, 0.1, 0.1]
    first = (run / "report.html").read_text().partition('<h2 id="data">')[0]
    assert any("phantoms" in limit for limit in report["limits"])
    assert all(escape(limit) in first for limit in report["limits"])
    wrong = sum(raw.argmax(axis=1) != [item["label"] for item in content["test"]])
    assert 0 < len(report["most_confident_errors"]) == wrong
    assert (run / "report.html").read_text().count('src="data:image/png') == wrong


def test_the_report_fits_and_writes_no_calibration(copied):
    """The scans that select are there, and nothing fitted on them."""
    folder, datalist = copied
    for name in ("test.csv", "external_elsewhere.csv", "folds/0/history.csv"):
        (folder / name).unlink()
    write_report(folder, datalist, NAMES)
    assert not (folder / "ensemble.json").exists()
    assert all(ModelFile.of(path).calibration is None for path in folder.glob("folds/*/model.pt"))
    report = json.loads((folder / "report.json").read_text())
    assert all(each["calibration"]["temperatures"] == [] for each in report["sets"].values())
    assert all(each["baselines"] == {} for each in report["sets"].values())
    assert report["stated_prior"] is None and "none was stated" in (folder / "report.html").read_text()


@pytest.mark.parametrize("prior", [None, [0.8, 0.1, 0.1]])
@pytest.mark.parametrize("has_raw", [True, False])
def test_a_plain_evaluation_is_reported_with_the_calibration_that_it_recorded(prior, has_raw, tmp_path):
    content = toy_datalist(210)
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    tables = {
        name: PredictionTable.of(
            NAMES, answers(content[name]), {key: [item[key] for item in content[name]] for key in KEYS}
        )
        for name in ("validation", "test")
    }
    fitted = fit_calibration(tables["validation"], NAMES, PRIOR)
    raw = tables["test"].with_raw() if has_raw else tables["test"]
    written = raw.with_probabilities(fitted.apply(tables["test"].probabilities, prior))
    written.write(tmp_path / "run" / "predictions.csv")
    recorded = {"settings": {"calibration": fitted.as_json(), "prior": prior}}
    (tmp_path / "run" / "predictions.json").write_text(json.dumps(recorded))
    write_report(tmp_path / "run", tmp_path / "datalist.json", NAMES)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    found = report["sets"]["predictions"]
    assert found["calibration"]["temperatures"] == [fitted.temperature]
    accuracy = (written.probabilities.argmax(axis=1) == written.labels).mean()
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(accuracy)
    before = ["before"] if has_raw else []
    after = ["after", "after_and_prior"] if has_raw or prior is None else []  # never undone from text
    assert list(found["calibration"]["errors"]) == before + after
    assert bool(found["operating_points"]) == bool(after)


def test_two_classes_are_reported_by_their_names(tmp_path):
    names = ["healthy", "ill"]
    content = toy_datalist(210, names=names)
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    write_answers(
        tmp_path / "predictions.csv", content["test"], answers(content["test"], classes=2), names=names
    )
    write_report(tmp_path, tmp_path / "datalist.json", names)
    report, page = (
        json.loads((tmp_path / "report.json").read_text()),
        (tmp_path / "report.html").read_text(),
    )
    assert list(report["sets"]["predictions"]["metrics"]["one_vs_rest"]) == names
    assert "Chest CT: healthy, ill." in page and "COVID-19" not in page
