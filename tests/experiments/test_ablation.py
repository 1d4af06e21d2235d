"""Two finished cross-validations, the second of them a copy under another recipe with answers of its own."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from monai.bundle import ConfigWorkflow
from monai.utils import path_to_sqlite_uri

from scripts.errors import UserError, user_error_behind
from scripts.experiments import Experiment
from scripts.statistics import read_predictions

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = {"WA-66-M": ["recipe_wa_66_m.yaml"], "PA-66-M": []}


@pytest.fixture
def ablation(phantoms, cross_validation, small, tmp_path):
    """A folder in which both networks' folds are finished; WA-66-M's answers are PA-66-M's, back to front."""
    ignored = shutil.ignore_patterns("cache", "last_state.pt", "tensorboard")
    for name, files in RECIPES.items():
        folder = shutil.copytree(cross_validation, tmp_path / name, ignore=ignored)
        identity = Experiment(phantoms, "cache", files, {"seed": 0, **small}).identity()
        (folder / "run.json").write_text(json.dumps(identity))
    for path in (tmp_path / "WA-66-M" / "folds").glob("*/*.csv"):
        if path.name != "history.csv":
            rows = read_predictions(path)
            for row in rows:
                for kind in ("prob", "raw_prob"):
                    first, last = f"{kind}_non_pneumonia", f"{kind}_covid_19"
                    row[first], row[last] = row[last], row[first]
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    return tmp_path


@pytest.fixture
def run(run_config, phantoms, small):
    """Run configs/ablation.yaml in a folder."""

    def ablate(folder, **override):
        places = {"dataset_dir": str(phantoms), "output_dir": str(folder)}
        run_config(
            "ablation", ["ablation.yaml"], recipes=RECIPES, report=False, **places, **small, **override
        )

    return ablate


def test_the_tables_of_both_papers_come_from_finished_folds(ablation, run, capsys):
    run(ablation)
    content = json.loads((ablation / "ablation.json").read_text())
    assert list(content["networks"]) == list(RECIPES) and list(content["differences"]) == ["WA-66-M"]
    assert content["published"]["parl"]["parameters"]["PA-66-M"] == 15_988_903
    network = content["networks"]["PA-66-M"]
    assert network["over_folds"]["one_vs_rest"]["COVID-19"]["accuracy"]["folds"] == 2
    pooled = content["networks"]["WA-66-M"]["pooled"]["accuracy"]["value"]
    difference = content["differences"]["WA-66-M"]["accuracy"]["value"]
    assert difference == pytest.approx(pooled - network["pooled"]["accuracy"]["value"])
    assert sum(map(sum, network["ensemble_on_test"]["confusion_matrix"]["counts"])) == 4
    with (ablation / "ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    published = [
        row
        for row in rows
        if (row["network"], row["table"], row["measure"]) == ("PA-66-M", "over_folds", "accuracy")
    ]
    printed = {row["class"]: (row["published"], row["published_deviation"]) for row in published}
    assert printed["COVID-19"] == ("93.3", "0.8")
    assert printed[""] == ("87.1", ""), "Table II prints it for no network: it follows from the others"
    compared = [row for row in rows if (row["network"], row["table"]) == ("WA-66-M", "differences")]
    assert len(compared) == 4 + 3 * 7 and all(
        float(row["low"]) <= float(row["high"]) for row in compared if row["low"]
    )
    assert "difference to PA-66-M, pooled" in capsys.readouterr().out


def test_networks_of_all_folds_stand_beside_figures_5_and_6(ablation, run):
    """The folder of a fold takes the place of a training on all of them: it is finished."""
    for name in RECIPES:
        shutil.copytree(ablation / name / "folds" / "0", ablation / name / "all_folds")
    run(ablation, all_folds=True)
    with (ablation / "ablation.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["table"] == "all_folds_on_test"]
    assert {row["network"] for row in rows} == set(RECIPES)
    printed = {
        (row["class"], row["measure"]): row["published"] for row in rows if row["network"] == "PA-66-M"
    }
    assert printed["", "accuracy"] == "89.7" and printed["COVID-19", "recall"] == "88"
    assert printed["COVID-19", "auc"] == ""
    with (ablation / "type_loss.csv").open() as file:
        assert {row["fold"] for row in csv.DictReader(file)} == {"0", "1", "all"}


def test_the_page_has_every_row_of_table_ii_for_trained_and_published_networks(ablation, run):
    run(ablation)
    page = (ablation / "ablation.html").read_text()
    for label in ("non-pneumonia", "other pneumonia", "COVID-19"):
        for title in ("accuracy", "recall", "specificity", "precision", "F1", "AUC"):
            assert f'<th scope="row">{label}: {title}</th>' in page
    assert "93.3 ± 0.8" in page
    assert page.count("SA-66-M</th>") == 1, "published, though it was not trained"
    assert page.count("<svg") == 1 + 2 * 2, "type losses; a matrix a network, and the published ones"
    assert (ablation / "type_loss.png").stat().st_size > 1000


def test_the_curves_of_the_type_loss_have_a_row_a_fold_and_epoch(ablation, run):
    run(ablation)
    with (ablation / "type_loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["network"], row["fold"], row["epoch"]) for row in rows] == [
        (network, fold, epoch) for network in RECIPES for fold in "01" for epoch in "12"
    ]


def test_a_reference_that_is_not_there_is_refused(run, tmp_path):
    with pytest.raises(Exception, match=r".") as caught:
        run(tmp_path, reference="SA-66")
    assert "not among the networks WA-66-M, PA-66-M" in str(user_error_behind(caught.value))


def test_a_recipe_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(
        UserError, match=r"recipe_nonsense.yaml: no such recipe; .*configs/ has .*recipe_wa_66"
    ):
        Experiment("data", "cache", "configs/recipe_nonsense.yaml")


@pytest.mark.parametrize("option", [{}, {"tracking": "mlflow"}])
def test_tracking_gives_each_network_an_experiment_of_its_own(phantoms, tmp_path, option):
    workflow = ConfigWorkflow(
        str(CONFIGS / "ablation.yaml"), meta_file=str(CONFIGS / "metadata.json"), workflow_type="train",
        run_id="ablation", logging_file=False, recipes=RECIPES, dataset_dir=str(phantoms),
        output_dir=str(tmp_path), **option,
    )  # fmt: skip
    workflow.initialize()
    experiments = workflow.parser.get_parsed_content("experiments")
    found = {name: experiment.tracking for name, experiment in experiments.items()}
    uri = path_to_sqlite_uri(f"{tmp_path}/mlruns.db")
    assert found == {
        name: {"tracking_uri": uri, "experiment_name": f"ablation {name}"} if option else None
        for name in RECIPES
    }
