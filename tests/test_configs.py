"""Every config in configs/ loads, agrees with its siblings, and runs."""

import inspect
import json
import re
from contextlib import contextmanager
from pathlib import Path
from pydoc import locate

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow

from scripts.checkpoints import ModelFile
from scripts.delivery.json_configs import NAMES, as_json
from scripts.errors import user_error_behind
from scripts.statistics import read_predictions

CONFIGS = Path(__file__).parents[1] / "configs"
TRAIN, EVALUATE, INFERENCE = (CONFIGS / f"{name}.yaml" for name in ("train", "evaluate", "inference"))
RECIPES = sorted(
    path for path in CONFIGS.glob("recipe_*.yaml") if "_lobe" not in path.stem
)  # those: tests/lobes/test_lobe_configs.py
SMALL = {"spatial_shape": [24, 24, 16], "max_epochs": 1, "batches_per_epoch": 1, "num_workers": 0}
GRID = {"spatial_shape": SMALL["spatial_shape"]}
LOADED = {path: ConfigParser.load_config_file(path) for path in (TRAIN, EVALUATE, INFERENCE, *RECIPES)}


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    """One cache of preprocessed phantoms for all runs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workflow(phantoms, cache_dir):
    """Build a workflow as ``monai.bundle run`` does, on small phantoms and a small grid."""

    def build(run_id, *configs, **override):
        kind = "inference" if run_id == "inference" else "train"
        if run_id == "evaluation":
            override = {"report": False} | override  # tests/evaluation/report looks at it
        if kind == "train":
            override = {"dataset_dir": str(phantoms), "cache_dir": str(cache_dir)} | override
        override = {key: str(value) if isinstance(value, Path) else value for key, value in override.items()}
        built = ConfigWorkflow(
            [str(path) for path in configs],
            run_id=run_id,
            workflow_type=kind,
            logging_file=False,
            **SMALL | override,
        )
        built.initialize()
        return built

    return build


@contextmanager
def user_error(match):
    """Expect a user's mistake, however MONAI wraps it; its message is appended to the list given."""
    messages = []
    try:
        yield messages
    except Exception as error:
        mistake = user_error_behind(error)
        if mistake is None:
            raise
        messages.append(str(mistake))
    assert messages, "no error"
    assert re.search(match, messages[0]), messages[0]


def in_bases(key):
    """Say whether train.yaml or inference.yaml knows a key, or the part that it sets takes it."""
    key = key.lstrip("+")
    for path in (TRAIN, INFERENCE):
        base = ConfigParser(LOADED[path])
        if key in base:
            return True
        parent, _, leaf = key.rpartition("::")
        if parent and parent in base:
            return leaf in inspect.signature(locate(base[f"{parent}::_target_"])).parameters
    return False


def test_there_are_recipes_for_the_other_eight_networks():
    names = {path.stem.removeprefix("recipe_") for path in RECIPES}
    networks = {
        "wa_66",
        "sa_66",
        "wa_66_m",
        "sa_66_m",
        "resnet18",
        "ca_resnet18",
        "da_resnet18",
        "da_ca_resnet18",
    }
    assert networks <= names
    for name in networks:
        assert (
            LOADED[CONFIGS / f"recipe_{name}.yaml"]["+network_def"]["_target_"] == f"scripts.networks.{name}"
        )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_sets_only_what_a_base_config_knows(recipe):
    own = set(LOADED[recipe])
    unknown = {key for key in own if not in_bases(key)}
    text = recipe.read_text()
    assert all(text.count(f"@{key}") for key in unknown), f"{unknown} are neither known nor used"


def test_the_four_dual_attention_recipes_differ_only_in_the_network():
    recipes = [dict(LOADED[CONFIGS / f"recipe_{name}resnet18.yaml"]) for name in ("", "ca_", "da_", "da_ca_")]
    assert len({recipe.pop("+network_def")["_target_"] for recipe in recipes}) == 4
    assert recipes[0] == recipes[1] == recipes[2] == recipes[3]


def test_train_and_inference_agree_on_all_they_share():
    train, inference = LOADED[TRAIN], LOADED[INFERENCE]
    shared = {key for key in train.keys() & inference.keys() if train[key] != inference[key]}
    own = {"classes", "dataset_dir", "output_dir", "network", "preprocessing", "loading_processes"}
    assert shared == {*own, "initialize", "run"}
    same = ("region", "spatial_shape", "window")
    assert all(train["preprocessing"][key] == inference["preprocessing"][key] for key in same)


def test_evaluation_and_inference_agree_on_what_makes_predictions():
    evaluate, inference = LOADED[EVALUATE], LOADED[INFERENCE]
    same = {key for key in evaluate.keys() & inference.keys() if evaluate[key] == inference[key]}
    assert {"predictor", "network", "explain_with", "prior", "abstain_below"} <= same
    known = [sink.items() - {("items", "@dataset::data")} for sink in inference["sinks"]]  # of a folder
    assert [set(sink.items()) for sink in evaluate["sinks"]] == known
    validate = evaluate["+validate"]
    assert validate["handlers"] == inference["handlers"] and validate["inferer"] == inference["inferer"]
    assert validate["postprocessing"] == inference["postprocessing"]


@pytest.mark.parametrize("name", NAMES)
def test_json_twins_are_current(name):
    assert (CONFIGS / f"{name}.json").read_text() == as_json(CONFIGS / f"{name}.yaml"), "run `make configs`"


def test_plain_run_does_what_the_named_run_does():
    named = {TRAIN: "training", EVALUATE: "evaluation", INFERENCE: "inference"}
    for path, name in named.items():
        assert LOADED[path]["run"] == f"%{name}" and LOADED[path][name]


@pytest.mark.parametrize("run_id", ["training", "inference"])
def test_monai_finds_all_properties_of_a_bundle(run_id, workflow, tmp_path):
    assert (
        workflow(run_id, {"training": TRAIN}.get(run_id, INFERENCE), output_dir=tmp_path).check_properties()
        == []
    )


@pytest.mark.parametrize("recipe", [None, *RECIPES], ids=lambda path: path.stem if path else "train")
def test_every_recipe_trains_and_later_commands_name_no_recipe(recipe, workflow, phantoms, tmp_path):
    overlay = [recipe] if recipe else []
    workflow("training", TRAIN, *overlay, output_dir=tmp_path).run()
    assert (tmp_path / "model.pt").is_file() and (tmp_path / "model.json").is_file()
    assert list((tmp_path / "tensorboard").iterdir())
    workflow("evaluation", TRAIN, EVALUATE, output_dir=tmp_path).run()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    tested = json.loads((phantoms / "datalist.json").read_text())["test"]
    assert metrics["scans"] == len(tested) and metrics["refused_scans"] == 0
    evaluated = read_predictions(tmp_path / "predictions.csv")
    answers = workflow(
        "inference", INFERENCE,
        output_dir=tmp_path / "answers", ckpt_path=tmp_path / "model.pt",
        scans=[str(phantoms / item["image"]) for item in tested],
    )  # fmt: skip
    answers.run()
    answered = read_predictions(tmp_path / "answers/predictions.csv")
    for column in ("prob_covid_19", "raw_prob_covid_19"):
        found, expected = ([float(row[column]) for row in rows] for rows in (answered, evaluated))
        assert found == pytest.approx(expected, abs=1e-5)  # in batches of other sizes


def test_evaluation_calibrates_on_the_scans_that_selected_and_inference_uses_it(workflow, phantoms, tmp_path):
    workflow("training", TRAIN, output_dir=tmp_path).run()
    assert ModelFile.of(tmp_path / "model.pt").calibration is None
    workflow("evaluation", TRAIN, EVALUATE, output_dir=tmp_path).run()
    datalist = json.loads((phantoms / "datalist.json").read_text())
    calibration = ModelFile.of(tmp_path / "model.pt").calibration
    assert calibration.fitted_on["scans"] == len(datalist["validation"])
    assert calibration.training_prior == [0.4, 0.3, 0.3]
    answers = {"ckpt_path": tmp_path / "model.pt", "scans": str(phantoms / datalist["test"][0]["image"])}
    workflow("inference", INFERENCE, output_dir=tmp_path / "answers", **answers).run()
    content = json.loads((tmp_path / "answers" / "predictions.json").read_text())
    assert content["settings"]["calibration"]["temperature"] == calibration.temperature
    prior = {"prior": [0.9, 0.05, 0.05], "overwrite": True}
    workflow("inference", INFERENCE, output_dir=tmp_path / "answers", **answers, **prior).run()
    (rare,) = read_predictions(tmp_path / "answers" / "predictions.csv")
    assert float(rare["prob_covid_19"]) < float(content["predictions"][0]["prob_covid_19"])
    assert float(rare["raw_prob_covid_19"]) == content["predictions"][0]["raw_prob_covid_19"]


def test_a_fold_is_evaluated_on_scans_that_neither_trained_nor_selected(workflow, phantoms, tmp_path):
    built = workflow("training", TRAIN, fold=1, output_dir=tmp_path)
    built.run()
    workflow("evaluation", TRAIN, EVALUATE, fold=1, output_dir=tmp_path).run()
    reported = {row["patient"] for row in read_predictions(tmp_path / "predictions.csv")}
    for part in ("train", "validate"):
        assert not reported & {
            item["patient"] for item in built.parser.get_parsed_content(f"{part}::dataset").data
        }
    datalist = json.loads((phantoms / "datalist.json").read_text())
    assert reported == {item["patient"] for item in datalist["training"] if item["fold"] == 1}


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(num_workers, workflow, tmp_path):
    long = {"max_epochs": 3, "num_workers": num_workers}
    workflow("training", TRAIN, output_dir=tmp_path / "whole", **long).run()
    interrupted = tmp_path / "interrupted"
    workflow("training", TRAIN, output_dir=interrupted, **long | {"max_epochs": 1}).run()
    workflow("training", TRAIN, output_dir=interrupted, resume=True, **long).run()
    whole, resumed = (torch.load(run / "last_state.pt") for run in (tmp_path / "whole", interrupted))
    assert whole["progress"] == resumed["progress"] and whole["progress"]["iteration"] == 3
    for name, weight in whole["network"].items():
        assert torch.equal(weight, resumed["network"][name]), name


def test_the_moving_average_is_validated_saved_and_resumed(workflow, tmp_path):
    long = {"max_epochs": 3, "num_workers": 0, "iterations": 3}  # one epoch was meant to be three, too
    modern = CONFIGS / "recipe_modern.yaml"
    built = workflow("training", TRAIN, modern, output_dir=tmp_path / "whole", **long)
    built.run()
    average = built.parser.get_parsed_content("kept_network")
    assert built.parser.get_parsed_content("validate::evaluator").network is average
    interrupted = tmp_path / "interrupted"
    workflow("training", TRAIN, modern, output_dir=interrupted, **long | {"max_epochs": 1}).run()
    workflow("training", TRAIN, modern, output_dir=interrupted, resume=True, **long).run()
    whole, resumed = (torch.load(run / "last_state.pt") for run in (tmp_path / "whole", interrupted))
    for name, weight in average.state_dict().items():
        assert torch.equal(weight, whole["kept_network"][name]), name
        assert torch.equal(weight, resumed["kept_network"][name]), name
    weights = [name for name in whole["network"] if name.endswith("weight")]
    assert any(not torch.equal(whole["network"][name], whole["kept_network"][name]) for name in weights)


def test_a_second_run_does_not_overwrite_the_first(workflow, tmp_path):
    workflow("training", TRAIN, output_dir=tmp_path).run()
    files = sorted(path.name for path in tmp_path.iterdir())
    with user_error("an earlier run is there"):
        workflow("training", TRAIN, output_dir=tmp_path).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    with user_error("no earlier run to resume"):
        workflow("training", TRAIN, output_dir=tmp_path / "elsewhere", resume=True).run()


def test_a_checkpoint_of_another_network_is_refused_with_the_names_that_differ(
    workflow, save_model, phantoms, tmp_path
):
    """Its model file is bound to the weights by their hash, but says another network than they are of."""
    described = tmp_path / "parl.pt"
    save_model(described, spatial_shape=SMALL["spatial_shape"])
    save_model(tmp_path / "model.pt", "recipe_wa_66.yaml", base="train.yaml", **GRID)
    ModelFile.of(described).write(tmp_path / "model.pt")
    answers = {"ckpt_path": tmp_path / "model.pt", "scans": str(phantoms / "images")}
    with user_error(
        r"scripts.networks.pa_66_m: does not fit MultiTaskNetwork: \d+ missing \(stages.header|more"
    ):
        workflow("inference", INFERENCE, output_dir=tmp_path, **answers).run()


def test_a_run_without_a_checkpoint_or_without_its_model_file_says_so(
    workflow, phantoms, save_model, tmp_path
):
    answers = {"ckpt_path": tmp_path / "model.pt", "scans": str(phantoms / "images"), "output_dir": tmp_path}
    with user_error("model.pt: no such checkpoint; train one, or name yours with --ckpt_path"):
        workflow("inference", INFERENCE, **answers).run()
    with user_error("model.pt: no such checkpoint; train one, or name yours with --ckpt_path"):
        workflow("evaluation", TRAIN, EVALUATE, output_dir=tmp_path).run()
    save_model(tmp_path / "model.pt", **GRID)
    (tmp_path / "model.json").unlink()
    with user_error(r"has no model file model\.json beside it, .*: python -m scripts describe"):
        workflow("inference", INFERENCE, **answers).run()
    with user_error(r"has no model file model\.json beside it, .*: python -m scripts describe"):
        workflow("evaluation", TRAIN, EVALUATE, output_dir=tmp_path).run()


def test_a_bad_scan_does_not_stop_the_others_and_sets_the_exit_status(
    workflow, save_model, phantoms, tmp_path
):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"not a scan")
    save_model(tmp_path / "model.pt", **GRID)
    good = sorted((phantoms / "images").iterdir())[:2]
    answers = workflow(
        "inference", INFERENCE, output_dir=tmp_path, ckpt_path=tmp_path / "model.pt",
        scans=[str(good[0]), str(broken), str(tmp_path / "missing.nii.gz"), str(good[1])],
    )  # fmt: skip
    with pytest.raises(SystemExit) as status:
        answers.run()
    assert status.value.code == 1
    rows = read_predictions(tmp_path / "predictions.csv")
    assert [bool(row["prediction"]) for row in rows] == [True, False, False, True]
    assert rows[1]["reason"].startswith("unreadable") and rows[2]["reason"].startswith("not_found")


def test_explaining_adds_a_heat_map_to_each_answer_and_changes_no_answer(
    workflow, save_model, phantoms, tmp_path
):
    save_model(tmp_path / "model.pt", **GRID)
    scans = [str(path) for path in sorted((phantoms / "images").iterdir())[:2]]
    common = {"ckpt_path": tmp_path / "model.pt", "scans": scans, "batch_size": 2}
    workflow("inference", INFERENCE, output_dir=tmp_path / "plain", **common).run()
    other = {"explain_with::_target_": "scripts.explanation.AttentionMap", "explain_with::group": 2}
    for folder, options in {"default": {}, "attention": other}.items():
        workflow(
            "inference", INFERENCE, output_dir=tmp_path / folder, explain=True, **common, **options
        ).run()
        plain, rows = (read_predictions(tmp_path / run / "predictions.csv") for run in ("plain", folder))
        heat_maps = [row.pop("heat_map") for row in rows]
        assert all((tmp_path / folder / path).is_file() for path in heat_maps) and len(set(heat_maps)) == 2
        assert [row.pop("heat_map") for row in plain] == ["", ""]
        for row in (*rows, *plain):
            row.pop("flags")  # of an explained scan also those of its heat map
        assert rows == plain
    assert not (tmp_path / "plain" / "heat_maps.csv").exists()


def test_explanations_are_measured_against_the_test_list_s_lesions(workflow, save_model, tmp_path):
    save_model(tmp_path / "model.pt", **GRID)
    workflow("explanation", TRAIN, EVALUATE, CONFIGS / "explain.yaml", output_dir=tmp_path).run()
    methods = json.loads((tmp_path / "explanation.json").read_text())["methods"]
    groups = [f"attention_group_{group}" for group in range(1, 5)]
    assert list(methods) == ["grad_cam_type", "grad_cam_detection", *groups]


def test_training_stops_at_a_refused_scan_and_names_it(workflow, phantoms, tmp_path):
    datalist = json.loads((phantoms / "datalist.json").read_text())
    for items in (datalist["training"], datalist["validation"]):
        for item in items:
            item["image"] = str(phantoms / item["image"])
    datalist["training"][3]["image"], datalist["training"][5]["image"] = "gone.nii.gz", "also_gone.nii.gz"
    (tmp_path / "datalist.json").write_text(json.dumps(datalist))
    with user_error(r"2 of \d+ scans cannot be used") as messages:
        workflow("training", TRAIN, dataset_dir=tmp_path, output_dir=tmp_path / "run").run()
    assert messages[0].count("gone.nii.gz") == 2
    assert f"python -m scripts.datalists clean {tmp_path}/datalist.json" in messages[0]


def test_a_patient_on_both_sides_of_a_split_stops_training_unless_overridden_by_name(
    workflow, phantoms, tmp_path
):
    datalist = json.loads((phantoms / "datalist.json").read_text())
    for items in (datalist["training"], datalist["validation"]):
        for item in items:
            item["image"] = str(phantoms / item["image"])
    datalist["validation"][0]["patient"] = next(
        item["patient"]
        for item in datalist["training"]
        if item["label"] == datalist["validation"][0]["label"]
    )
    (tmp_path / "datalist.json").write_text(json.dumps(datalist))
    run = {"dataset_dir": tmp_path, "output_dir": tmp_path / "run"}
    with user_error("--audit_override patient_overlap"):
        workflow("training", TRAIN, **run).run()
    workflow("training", TRAIN, audit_override="patient_overlap", **run).run()
    audit = json.loads((tmp_path / "run/environment.json").read_text())["audit"]
    assert audit["overridden"] == ["patient_overlap"] and audit["verdict"] == "failed"


def test_learning_rates_fall_as_the_papers_say(workflow, tmp_path):
    """PARL: x 0.95 every 500 iterations. Dual attention: half a cosine over all of training, to zero."""

    def rates(*configs, steps, **override):
        parser = workflow("training", *configs, output_dir=tmp_path, **override).parser
        optimizer, scheduler = (parser.get_parsed_content(key) for key in ("optimizer", "lr_scheduler"))
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            yield optimizer.param_groups[0]["lr"]

    parl = list(rates(TRAIN, steps=1000))
    assert parl[498] == pytest.approx(1e-4) and parl[499] == pytest.approx(0.95e-4)
    assert parl[999] == pytest.approx(0.95**2 * 1e-4)
    whole = {"max_epochs": 5, "batches_per_epoch": None}  # 10 scans in batches of 4: two an epoch
    dual = list(rates(TRAIN, CONFIGS / "recipe_resnet18.yaml", steps=10, **whole))
    assert dual[4] == pytest.approx(0.5e-3) and dual[9] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_batches_per_epoch_is_the_length_of_an_epoch_whatever_the_recipe(recipe, workflow, tmp_path):
    """Also where it is more than one shuffle of the training scans has."""
    parser = workflow("training", TRAIN, recipe, output_dir=tmp_path, batches_per_epoch=3).parser
    assert len(list(parser.get_parsed_content("batch_sampler"))) == 3
    assert parser.get("train::dataloader")["batch_sampler"] == "@batch_sampler"
