import pytest
from monai.bundle import ConfigParser

from scripts import bundle_root
from scripts.errors import UserError
from scripts.experiments import Experiment


@pytest.fixture
def data(tmp_path):
    (tmp_path / "datalist.json").write_text("{}")
    return tmp_path


def test_a_setting_that_is_none_stays_as_the_files_say(data):
    experiment = Experiment(data, data / "cache", settings={"seed": 0, "max_epochs": None})
    assert experiment.identity()["settings"] == {"seed": 0}


def test_what_only_changes_the_speed_is_no_other_experiment(data):
    identities = [
        Experiment(data, cache, settings={"seed": 0, "num_workers": workers}).identity()
        for workers, cache in ((1, "here"), (8, "elsewhere"))
    ]
    assert identities[0] == identities[1]


def test_a_recipe_is_known_by_its_content_wherever_it_lies(data):
    original = Experiment(data, "cache", "configs/recipe_wa_66.yaml")
    text = original.recipes[0].read_text()
    identities = []
    for name, content in (("copy", text), ("changed", text + "max_epochs: 5\n")):
        path = data / name / "recipe_wa_66.yaml"
        path.parent.mkdir()
        path.write_text(content)
        identities.append(Experiment(data, "cache", path).identity())
    assert identities[0] == original.identity() != identities[1]


def test_a_recipe_is_found_by_its_name_from_any_folder(data, monkeypatch):
    monkeypatch.chdir(data)
    experiment = Experiment(data, "cache", ["recipe_wa_66_m.yaml", "configs/recipe_demo.yaml"])
    assert [path.name for path in experiment.recipes] == ["recipe_wa_66_m.yaml", "recipe_demo.yaml"]


@pytest.mark.parametrize(
    ("config", "name"),
    [("cross_validate", "cross_validation"), ("ablation", "ablation"), ("external_test", "external_test")],
)
def test_plain_run_does_what_the_named_run_does(config, name):
    content = ConfigParser.load_config_file(f"{bundle_root()}/configs/{config}.yaml")
    assert content["run"] == f"%{name}" and content[name]


def test_a_setting_that_no_config_knows_is_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"--settings::val_bach_size.*did you mean --settings::val_batch_size"
    ):
        Experiment(tmp_path, tmp_path, settings={"val_bach_size": 5})
