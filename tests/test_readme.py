"""README.md: what it prints runs, word for word but for the names of data, in a shell that knows nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forked_command import run_command

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = [re.sub(r"(?m)^    ", "", block) for block in re.findall(r"(?m)(?:^    .+\n)+", TEXT)]
START = next(block for block in BLOCKS if "make demo" in block)
TRAIN = next(block for block in BLOCKS if "run training" in block)
SMALL = "--spatial_shape [24,24,16] --num_workers 0"


@pytest.fixture(scope="module")
def names(phantoms, tmp_path_factory):
    """What the README's placeholders stand for."""
    folder = tmp_path_factory.mktemp("readme")
    data = Path(shutil.copytree(phantoms, folder / "data"))  # the audit writes beside the datalist
    test = [data / item["image"] for item in json.loads((data / "datalist.json").read_text())["test"]]
    return {
        "DATA": str(data), "RUN": str(folder / "run"), "ANSWERS": str(folder / "answers"),
        "PICTURES": str(folder / "pictures"), "scan.nii.gz": str(test[0]), "dicom_folder": str(test[1]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder as `git clone` and `make` leave it: the bundle, and this environment as its `.venv`."""
    if not Path(sys.prefix, "bin", "activate").is_file():
        pytest.skip(f"{sys.prefix} is no virtual environment; `make test` runs in one")
    folder = tmp_path_factory.mktemp("clone")
    for name in ("Makefile", "clients.mk", "configs", "requirements.txt", "requirements-dev.txt", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def bare_shell(script, folder):
    """Run a script as a new login does: no variable of this process, no environment on the path."""
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    command = ["bash", "--noprofile", "--norc", "-e", "-c", script]
    return subprocess.run(
        command, cwd=folder, env=clean, preexec_fn=_take_one_core, capture_output=True, text=True, check=False
    )


def _take_one_core():
    """Spare the audit of sixteen small scans processes that import everything anew."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def filled_in(command, names):
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], command)


def small(block):
    """Add what makes each run of a block take seconds."""
    lines = re.sub(r" *\\\n *", " ", block).splitlines()
    return "\n".join(
        line
        + f" {SMALL}" * ("monai.bundle run" in line)
        + " --max_epochs 1 --batches_per_epoch 2" * ("run training" in line)
        for line in lines
    )


def test_the_commands_of_the_readme_run_in_their_order_in_a_bare_shell(names, clone):
    demo, activate, view = START.splitlines()
    assert demo == "make demo" and view.startswith("python -m scripts view")
    done = bare_shell(f"{activate}\n{small(filled_in(TRAIN, names))}", clone)
    assert done.returncode == 0, done.stdout + done.stderr
    produced = {
        "RUN": [
            "model.pt",
            "last_state.pt",
            "config.yaml",
            "environment.json",
            "metrics.json",
            "report.html",
        ],
        "ANSWERS": ["predictions.csv", "predictions.json", "heat_maps.csv", "view/index.html"],
        "DATA": ["audit.html"],
    }
    for folder, files in produced.items():
        assert all(Path(names[folder], file).stat().st_size for file in files)
    environment = json.loads(Path(names["RUN"], "environment.json").read_text())
    assert environment["command"].startswith(
        "python -m monai.bundle run training --config_file configs/train.yaml"
    )
    assert environment["packages"]["monai"]


def test_the_first_commands_find_each_other_in_a_bare_shell(clone):
    """`make demo` takes minutes: here it only says what it would run; the others are as they stand."""
    _, activate, view = START.splitlines()
    found = bare_shell(f"make --dry-run demo\n{activate}\npython -c 'import sys; print(sys.prefix)'", clone)
    assert found.returncode == 0, found.stderr
    *demo, prefix = found.stdout.splitlines()
    assert Path(prefix).resolve() == Path(sys.prefix).resolve()
    folder = view.split()[-1]
    assert any(f"--output_dir {folder} --explain True" in line for line in demo)
    named = [line for line in demo if line.startswith("echo ") and "demo/" in line]
    assert "report.html" in named[0] and any("heat_maps" in line for line in named)
    for path in re.findall(r"^(demo/[\w/.]+)", next(block for block in BLOCKS if "open this" in block), re.M):
        assert any(path.replace("answers", "answers*") in line or path in line for line in named), path


def test_make_help_names_every_target_that_is_explained():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefiles = "".join((ROOT / name).read_text() for name in ("Makefile", "clients.mk"))
    phony = {name for line in re.findall(r"^\.PHONY: (.+)", makefiles, re.M) for name in line.split()}
    for target in phony - {"$(CLIENTS:%=client-%)"}:
        assert re.search(rf"^  {target} ", listed, re.M), target


@pytest.mark.parametrize("config", ["train", "inference"])
def test_a_user_s_mistake_is_one_line_from_any_folder_and_any_run(tmp_path, config):
    arguments = ["run", "--config_file", f"{ROOT}/configs/{config}.yaml", "--dataset_dir", "nowhere"]
    done = run_command(["monai.bundle", *arguments], tmp_path, os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")


def test_python_m_preview_draws(names):
    (command,) = re.findall(r"`python -m (scripts preview .+?)`", TEXT)
    done = run_command([filled_in(word, names) for word in command.split()])
    assert done.returncode == 0, done.stderr
    assert list(Path(names["PICTURES"]).glob("*.png"))
