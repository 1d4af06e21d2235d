"""What a run states of a model: right values are harmless, wrong ones are refused, choices are free."""

import sys
from pathlib import Path

import pytest

from scripts import bundle_root
from scripts.answering.agreement import check_agreement, is_stated
from scripts.checkpoints import ModelFile, describe, read_configs
from scripts.command_line import CommandLine, begin_run
from scripts.errors import UserError

CONFIGS = Path(bundle_root(), "configs")
MONAI = str(Path("site-packages", "monai", "bundle", "__main__.py"))
BASES = {"inference": ["inference.yaml"], "evaluation": ["train.yaml", "evaluate.yaml"]}
WRONG_RECIPES = {
    "window": "window: [40, 400]\n",
    "spatial_shape": "spatial_shape: [32, 24, 16]\n",
    "region": "region: {_target_: scripts.transforms.WholeScanRegion}\n",
    "region::margin": "+region: {margin: 25.0}\n",
    "network_def::_target_": "+network_def: {_target_: scripts.networks.wa_66}\n",
    "network_def::attention": "+network_def: {attention: "
    "{_target_: scripts.networks.RescaledSpatialAttention, _mode_: callable}}\n",
    "classes": "classes: {'0': no finding, '1': mild, '2': severe}\n",
    "num_classes": "num_classes: 4\n",
}
WRONG_FLAGS = [  # flag, both values as the message shows them
    ("--window", "[40,400]", r"window \[40, 400\] .* \[-600, 1600\]"),
    ("--spatial_shape", "[32,24,16]", r"spatial_shape \[32, 24, 16\] .* \[24, 24, 16\]"),
    ("--region::margin", "25", r"region::margin 25 .* 5 "),
    ("--region::_target_", "scripts.transforms.WholeScanRegion", r"WholeScanRegion .*LungRegion"),
    ("--network_def::_target_", "scripts.networks.wa_66", r"wa_66 .*sa_66"),
    ("--num_classes", "4", r"num_classes 4 .* 3 "),
    ("--classes", "{'0':'a','1':'b','2':'c'}", r"classes \[a, b, c\] .*\[non-pneumonia, other pneumonia, "),
]  # fmt: skip
RIGHT_FLAGS = [
    ["--window", "[-600,1600]"],
    ["--window", "(-600.0,1600.0)"],
    ["--spatial_shape", "[24,24,16]"],
    ["--region::margin", "5"],
    ["--region::margin", "5.0", "--region::_target_", "scripts.transforms.LungRegion"],
    ["--network_def::_target_", "scripts.networks.sa_66"],
    ["--num_classes", "3"],
    ["--num_classes", "$1 + 2"],
    ["--classes", "{'0':'non-pneumonia','1':'other pneumonia','2':'COVID-19'}"],
]
CHOICES = [
    ["--batch_size", "7", "--num_workers", "0", "--abstain_below", "0.5", "--explain", "True"],
    ["--prior", "[0.8,0.1,0.1]", "--amp", "True"],
    ["--test_time_inferer", "{'_target_':'scripts.networks.FlipInferer','axes':[2]}"],
]


@pytest.fixture(scope="module")
def described():
    """A model that differs from the base configs in network, grid, window and region."""
    parser = read_configs([CONFIGS / "train.yaml", CONFIGS / "recipe_learnable_gamma.yaml"])
    stated = {"spatial_shape": [24, 24, 16], "window": [-600, 1600], "region::margin": 5.0}
    parser.update(pairs=stated | {"network_def::_target_": "scripts.networks.sa_66"})
    parser.parse(reset=True)
    return ModelFile.model_validate_json(describe(parser).text())


@pytest.fixture
def check(described, monkeypatch):
    """Hold what a command line states against the model."""

    def run(run_id, *flags, overlays=()):
        base, *rest = (str(CONFIGS / name) for name in BASES[run_id])
        files = str([base, *map(str, overlays), *rest])
        monkeypatch.setattr(sys, "argv", [MONAI, "run", run_id, "--config_file", files, *flags])
        line = CommandLine.of(sys.argv)
        parser = line.configs()
        parser.update(pairs=line.overrides)
        parser.parse(reset=True)
        check_agreement(parser, described, "RUN/model.pt")

    return run


@pytest.fixture(params=list(BASES))
def run_id(request):
    return request.param


def test_a_command_that_states_nothing_agrees(check, run_id):
    check(run_id)


@pytest.mark.parametrize("flags", RIGHT_FLAGS, ids=" ".join)
def test_naming_the_right_value_is_harmless(flags, check, run_id):
    check(run_id, *flags)


@pytest.mark.parametrize("flags", CHOICES, ids=" ".join)
def test_choices_of_the_run_are_free(flags, check):
    check("inference", *flags)


def test_the_right_recipe_is_harmless(check, run_id):
    check(run_id, overlays=[CONFIGS / "recipe_learnable_gamma.yaml", CONFIGS / "recipe_sa_66.yaml"])


@pytest.mark.parametrize(("flag", "value", "message"), WRONG_FLAGS, ids=lambda value: str(value)[:30])
def test_a_wrong_flag_is_refused_in_one_line_with_both_values(flag, value, message, check, run_id):
    with pytest.raises(UserError, match=message) as refused:
        check(run_id, flag, value)
    assert "RUN/model.pt was trained with" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", WRONG_RECIPES)
def test_a_wrong_recipe_is_refused_in_one_line(name, check, run_id, tmp_path):
    (tmp_path / "recipe.yaml").write_text(WRONG_RECIPES[name])
    with pytest.raises(
        UserError, match=r"is stated, but RUN/model\.pt was trained with .*model\.json"
    ) as refused:
        check(run_id, overlays=[tmp_path / "recipe.yaml"])
    assert str(refused.value).startswith(name.partition("::")[0]) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["recipe_rescaled_attention", "recipe_wa_66", "recipe_resnet18", "recipe_demo"]
)
def test_a_recipe_of_the_bundle_that_is_another_model_s_is_refused(name, check, run_id):
    with pytest.raises(UserError, match="is stated, but"):
        check(run_id, overlays=[CONFIGS / f"{name}.yaml"])


def test_a_value_of_the_base_that_a_flag_states_counts_too(check):
    """The base's own default is no statement; the same words on the command line are."""
    with pytest.raises(UserError, match=r"window \[-500, 1500\] is stated"):
        check("inference", "--window", "[-500,1500]")


@pytest.mark.parametrize("changes", [{"window": [40, 400]}, {"region::margin": 25.0}, {"num_classes": 4}])
def test_a_program_that_hosts_the_bundle_is_held_to_the_same(changes, described, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["server.py"])
    parser = read_configs([CONFIGS / "inference.yaml"])
    parser.parse(reset=True)
    check_agreement(parser, described, "model.pt")
    parser.update(pairs=changes)
    parser.parse(reset=True)
    with pytest.raises(UserError, match="is stated, but"):
        check_agreement(parser, described, "model.pt")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["recipe_demo", "train"], r"recipe_demo\.yaml comes before its base .*train\.yaml, .*expected"),
        (["recipe_flips", "inference"], r"recipe_flips\.yaml comes before its base .*inference\.yaml"),
        (["evaluate", "train"], r"evaluate\.yaml comes before its base .*train\.yaml"),
        (["recipe_sa_66"], r"recipe_sa_66\.yaml: an overlay alone; a base such as configs/train\.yaml"),
        (["evaluate", "recipe_flips"], "an overlay alone"),
        (["train", "inference"], r"train\.yaml and .*inference\.yaml are both bases"),
    ],
)
def test_configs_in_another_order_are_refused_at_the_start(names, message, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    files = str([str(CONFIGS / f"{name}.yaml") for name in names])
    monkeypatch.setattr(sys, "argv", [MONAI, "run", "training", "--config_file", files])
    with pytest.raises(UserError, match=message) as refused:
        begin_run()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("base", ["inference.yaml", "inference_lobes.yaml"])
def test_a_host_s_config_is_compared_with_its_own_base_however_many_knobs_it_turns(base, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["host"])
    parser = read_configs([Path(bundle_root(), "configs", base)])
    turned = ("ckpt_path", "scans", "batch_size", "num_workers", "output_dir")
    parser.update({name: "another" for name in turned if name in parser})
    assert not is_stated(parser, "network_def") and not is_stated(parser, "spatial_shape")
    parser.update({"network_def::spatial_shape": [32, 24, 40]})
    assert is_stated(parser, "network_def") and not is_stated(parser, "spatial_shape")
