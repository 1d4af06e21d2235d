import ast
import json
import os
import sys
from pathlib import Path

import pytest
from forked_command import run_command
from monai.bundle import ConfigParser

from scripts import command_line
from scripts.command_line import PROGRAM, CommandLine, base_configs, begin_run, find_config
from scripts.errors import UserError

SCRIPTS = Path(command_line.__file__).parent
MONAI = str(Path("site-packages", "monai", "bundle", "__main__.py"))
KNOBS = """
bundle_root: .  # as every base has it
max_epochs: 300
amp: false
device: cuda
scans: []
output_dir: out
places: [$@output_dir + '/a', "@scans"]
begin: {_target_: scripts.command_line.begin_run}
"""


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """A base, its metadata, and an overlay; the working directory is theirs."""
    (tmp_path / "a.yaml").write_text(KNOBS)
    (tmp_path / "over.yaml").write_text("max_epochs: 4")
    (tmp_path / "metadata.json").write_text("{}")
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line(*words, program=PROGRAM):
    start = [program] if program == PROGRAM else [program, "run"]
    return CommandLine.of([*start, "training", "--config_file", "a.yaml", *words])


@pytest.mark.parametrize("program", [PROGRAM, MONAI])
@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["--output_dir", "20240501"], {"output_dir": "20240501"}),
        (["--output_dir=2024_01"], {"output_dir": "2024_01"}),
        (["--output-dir", "1e5"], {"output_dir": "1e5"}),
        (["--output_dir", "a#b"], {"output_dir": "a#b"}),
        (["--scans", "['$x.nii','2024']"], {"scans": ["$x.nii", "2024"]}),
        (["--scans", "[$x.nii, b.nii]"], {"scans": ["$x.nii", "b.nii"]}),
        (["--scans", "a,b.nii"], {"scans": "a,b.nii"}),
        (["--ckpt_path", "None"], {}),
        (["--max_epochs", "5", "--amp"], {"max_epochs": 5, "amp": True}),
        (["--train::x", "[1,2]", "-h"], {"train::x": [1, 2], "help": True}),
    ],
)
def test_names_are_read_as_typed_and_the_rest_as_monai_does(configs, program, words, read):
    found = line(*words, program=program)
    assert (found.overrides, found.files, found.options) == (read, ("a.yaml",), {"run_id": "training"})


def test_flags_in_a_file_of_arguments_are_outweighed_by_those_typed(configs):
    (configs / "arguments.json").write_text(
        json.dumps({"config_file": "a.yaml", "output_dir": 1, "max_epochs": 2})
    )
    found = CommandLine.of([MONAI, "run", "--args_file", "arguments.json", "--max_epochs", "3"])
    assert found.files == ("a.yaml",) and found.overrides == {"output_dir": "1", "max_epochs": 3}


def test_what_the_shell_makes_of_a_pattern_is_a_list_of_names(configs):
    assert line("--scans", "a.nii", "b c.nii", "--amp").overrides == {
        "scans": ["a.nii", "b c.nii"],
        "amp": True,
    }
    with pytest.raises(
        UserError, match=r"""--scans has 2 words; quote them: --scans "\['a.nii','b.nii'\]\""""
    ):
        line("--scans", "a.nii", "b.nii", program=MONAI)


def test_a_run_may_be_named_after_the_flags():
    assert (
        CommandLine.of([MONAI, "run", "--config_file", "a.yaml", "training"]).options["run_id"] == "training"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output_dir", "my", "run"], "'run' belongs to no flag; a value with blanks is quoted"),
        (["--output_dir"], "--output_dir: a name is expected after it"),
    ],
)
def test_a_word_too_many_or_too_few_is_named(configs, words, message):
    with pytest.raises(UserError, match=message):
        line(*words)


def test_other_programs_have_arguments_of_their_own():
    assert CommandLine.of(["server.py", "run", "--config_file", "a.yaml"]) is None
    assert CommandLine.of([MONAI, "verify_metadata", "--config_file", "a.yaml"]) is None


@pytest.mark.parametrize("name", ["demo", "recipe_demo", "recipe_demo.yaml", "configs/recipe_demo.yaml"])
def test_a_config_is_found_as_people_type_it(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert find_config(name).name == "recipe_demo.yaml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("recipe_dmo", "recipe_dmo: no such config; did you mean recipe_demo"),
        ("demoo", "demoo: no such config; did you mean recipe_demo"),
        ("elsewhere/train.yaml", "elsewhere/train.yaml: no such config"),
        ("..", r"\.\.: a folder; name a config in it"),
    ],
)
def test_a_config_that_is_not_there_is_named_with_the_nearest(name, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        find_config(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1\nb: }", "broken.yaml: not YAML"),
        ("- a", "broken.yaml: not a config; expected keys and values"),
        ("", "broken.yaml: not a config"),
    ],
)
def test_a_config_that_cannot_be_read_is_named(configs, content, message):
    (configs / "broken.yaml").write_text(content)
    with pytest.raises(UserError, match=message):
        CommandLine.of([PROGRAM, "--config_file", "a.yaml", "broken.yaml"]).pairs()


def test_metadata_that_are_not_there_are_named(configs):
    (configs / "metadata.json").unlink()
    with pytest.raises(UserError, match=r"metadata.json: no such file or folder"):
        line().pairs()


def test_bases_are_what_stands_alone():
    names = {file.stem for file in base_configs()}
    assert {"train", "inference", "train_lobes", "inference_lobes", "cross_validate"} <= names
    assert not any(name.startswith(("recipe_", "multi_gpu_")) for name in names)


@pytest.fixture
def run(configs, monkeypatch):
    """Return a function that begins a run as MONAI does, and gives back its config."""

    def run(*words, given):
        monkeypatch.setattr(sys, "argv", [MONAI, "run", "training", "--config_file", "a.yaml", *words])
        parser = ConfigParser()
        parser.read_config("a.yaml")
        parser.update(given)  # by Fire's reading
        parser.get_parsed_content("begin")
        return parser

    return run


def test_a_name_is_never_run_nor_read_otherwise(run):
    name = '$__import__("os").system("touch PWNED")'
    parser = run("--scans", f"['{name}','%a#1','@amp','b']", given={"scans": [name, "x", "@amp", "b"]})
    assert parser.get_parsed_content("scans") == [name, "%a#1", "@amp", "b"]
    assert parser.get_parsed_content("places")[1] == [name, "%a#1", "@amp", "b"]
    assert not Path("PWNED").exists()


def test_a_folder_of_digits_is_that_folder(run):
    parser = run("--output_dir", "20240501", given={"output_dir": 20240501})
    assert parser.get_parsed_content("places")[0] == "20240501/a"


def test_words_for_devices_and_truth_mean_what_they_say(run):
    parser = run("--device", "cpu", "--amp", "false", given={"device": "cpu", "amp": "false"})
    assert parser.get_parsed_content("device").type == "cpu" and parser.get_parsed_content("amp") is False


def test_a_config_that_a_run_makes_keeps_what_it_was_given(configs, monkeypatch):
    (configs / "folds.yaml").write_text("bundle_root: .\nfolds: 5\noutput_dir: whole\n")
    monkeypatch.setattr(sys, "argv", [MONAI, "run", "--config_file", "folds.yaml", "--output_dir", "mine"])
    fold = ConfigParser({"output_dir": "fold", "begin": {"_target_": "scripts.command_line.begin_run"}})
    fold.get_parsed_content("begin")
    assert fold.get_parsed_content("output_dir") == "fold"


def test_help_is_what_the_comments_say(run, capsys):
    with pytest.raises(SystemExit) as end:
        run("--help", given={"help": True})
    assert not end.value.code and "--max_epochs  300" in capsys.readouterr().out


def test_begin_run_leaves_other_programs_alone(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["server.py", "--max_epoch", "5"])
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    begin_run()


@pytest.mark.parametrize(
    ("module", "config", "message"),
    [
        ("monai.bundle", "['configs/recipe_sa_66.yaml','configs/train.yaml']", "comes before its base"),
        (
            "monai.bundle",
            "['configs/train.yaml','configs/inference.yaml']",
            "are both bases; name one of them",
        ),
        ("scripts", "recipe_demo", "an overlay alone"),
        ("scripts", "multi_gpu_train,train", "comes before its base"),
        ("scripts", "trian", "did you mean train"),
    ],
)
def test_a_wrong_config_ends_the_command_in_one_line(module, config, message, tmp_path):
    done = run_command([module, "run", "training", "--config_file", config, "--output_dir", tmp_path])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert message in done.stderr.strip().splitlines()[-1]


def test_the_front_end_runs_what_monai_runs(configs):
    (configs / "run.yaml").write_text(
        "bundle_root: .\nscans: []\ntraining:\n- {_target_: scripts.command_line.begin_run}\n"
        "- $print('seen', @scans)\n"
    )
    words = ["--config_file", "run.yaml", "--scans", "$a#1.nii", "b.nii"]
    environment = {**os.environ, "PYTHONPATH": command_line.bundle_root()}
    done = run_command(["scripts", "run", "training", *words], cwd=configs, env=environment)
    assert "seen ['$a#1.nii', 'b.nii']" in done.stdout and done.returncode == 0
    done = run_command(["scripts", "run", "trainig", *words], cwd=configs, env=environment)
    assert "error: trainig: no such run in run.yaml; expected training" in done.stderr


def test_without_a_config_the_front_end_lists_them():
    done = run_command(["scripts", "run", "--help"])
    assert "train.yaml" in done.stdout and "usage: python -m scripts run RUN" in done.stdout
    assert run_command(["scripts", "run", "training"]).stderr.startswith("error: --config_file is missing")


def test_a_command_begins_when_all_that_it_uses_is_defined():
    """What stands below ``if __name__ == "__main__"`` is missing when a module is run, not when imported."""
    modules = {path: ast.parse(path.read_text()).body for path in SCRIPTS.rglob("*.py")}
    for path, body in modules.items():
        guards = [isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in body]
        assert True not in guards[:-1], path
    assert len(modules) > 100
