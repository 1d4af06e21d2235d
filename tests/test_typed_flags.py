import pytest
from monai.bundle import ConfigParser

from scripts import bundle_root
from scripts.command_line import CONFIGS
from scripts.errors import UserError
from scripts.flags import check_name, config_value, describe_flags, is_name, literal


@pytest.mark.parametrize(
    ("flag", "value", "default", "message"),
    [
        ("max_epochs", 0, 300, "--max_epochs 0: a whole number, 1 or more, is expected"),
        ("max_epochs", "many", 300, "--max_epochs many: a whole number, 1 or more, is expected"),
        ("max_epochs", 2.5, 300, "--max_epochs 2.5: a whole number, 1 or more, is expected"),
        ("num_workers", -1, None, "--num_workers -1: a whole number, 0 or more, is expected"),
        ("window", "abc", [-500, 1500], r"--window abc: a list such as \[-500, 1500\] is expected"),
        ("learning_rate", "fast", 1.0e-3, "--learning_rate fast: a number is expected"),
        ("seed", 1.5, 0, "--seed 1.5: a whole number is expected"),
        ("amp", "maybe", False, "--amp maybe: True or False is expected"),
        ("resume", "maybe", False, "--resume maybe: True or False or auto is expected"),
        ("device", "abacus", "x", "--device abacus: a device of this machine, such as cpu is expected"),
        ("output_dir", "", "x", "--output_dir: a name is expected"),
        ("output_dir", "file.txt", "x", "--output_dir file.txt: file.txt is a file; a folder is expected"),
        (
            "cache_dir",
            "file.txt/a/b",
            "x",
            "--cache_dir file.txt/a/b: file.txt is a file; a folder is expected",
        ),
        ("dataset_dir", "d/datalist.json", "x", "a folder is expected; name the folder that holds it, d"),
        ("ckpt_path", "d", "x", "--ckpt_path d: a folder; name the file in it, d/model.pt"),
        ("ckpt_path", ["none.pt", "d"], "x", "--ckpt_path d: a folder"),
    ],
)
def test_a_value_that_would_not_do_is_refused(flag, value, default, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    for name in ("file.txt", "d/datalist.json", "d/model.pt", "d/last_state.pt"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=message):
        config_value(flag, value, default)


@pytest.mark.parametrize(
    ("flag", "value", "default", "set_to"),
    [
        ("amp", "TRUE", False, True),
        ("report", "false", True, False),
        ("resume", "auto", False, "auto"),
        ("series", "true", None, "true"),  # it may be a name: it cannot be told
        ("learning_rate", 1, 1.0e-3, 1),
        ("seed", "$1 + 1", 0, "$1 + 1"),
        ("network", "@other", {}, "@other"),
        ("max_epochs", "%b.yaml::n", 300, "%b.yaml::n"),
        ("device", "cpu", "x", "$torch.device('cpu')"),
        ("output_dir", "$x", "x", r"$'\U00000024x'"),
        ("scans", ["a.nii", "b"], [], ["a.nii", "b"]),
        ("window", None, [1, 2], None),
    ],
)
def test_other_values_set_their_key(flag, value, default, set_to):
    assert config_value(flag, value, default) == set_to


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("max_epoch", r"--max_epoch: no such key in a\.yaml; did you mean --max_epochs\?"),
        ("netwrk::depth", r"did you mean --network::depth\?"),
        ("xyz", "flags are the keys at the top of these files"),
    ],
)
def test_a_flag_that_nothing_reads_is_refused(flag, message):
    with pytest.raises(UserError, match=message):
        check_name(flag, ["max_epochs", "network"], ["a.yaml"])


@pytest.mark.parametrize(
    "name",
    [
        "$1/0",
        "@amp",
        "%configs/train.yaml",
        "a#b",
        "%a::b",
        "x@::y",
        "'$\"\\",
        "é$ü",
        "$\udc80",
        "$import os",
    ],
)
def test_a_literal_is_its_name_in_any_config(name):
    parser = ConfigParser({"amp": 1, "dir": literal(name), "file": "$@dir + '/x'", "list": [literal(name)]})
    parser.parse(reset=True)
    found = [parser.get_parsed_content(key) for key in ("dir", "file", "list")]
    assert found == [name, f"{name}/x", [name]]


def test_every_flag_for_files_and_folders_takes_names():
    flags = {
        "scans",
        "output_dir",
        "dataset_dir",
        "ckpt_path",
        "lobe_ckpt_path",
        "cache_dir",
        "ckpt_dir",
        "recipe",
    }
    assert all(map(is_name, [*flags, "train::dataset::cache_dir"]))
    assert not any(map(is_name, ["device", "series", "label_mapping", "window"]))


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_help_has_each_knob_with_its_default_and_comment(ending):
    text = describe_flags([CONFIGS / f"train.{ending}"])
    assert text.startswith("Train PA-66-M")
    rows = {row.split()[0]: row.split(maxsplit=2)[1:] for row in text.splitlines() if row.startswith("  --")}
    assert rows["--max_epochs"] == ["300"] and rows["--resume"] == [
        "false",
        "true: go on from last_state.pt; auto: go on where there is one, else begin",
    ]
    assert rows["--output_dir"][0] == "<bundle_root>/results/training" and "--bundle_root" not in rows
    assert "--network_def" not in rows and "--optimizer" not in rows


def test_help_of_an_overlay_adds_its_flags():
    files = [f"{bundle_root()}/configs/{name}.yaml" for name in ("train", "evaluate")]
    text = describe_flags(files)
    assert "--sensitivity" in text and "--max_epochs" in text and "--sinks" not in text
