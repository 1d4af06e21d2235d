"""The commands of README.md, word for word but for the names of data, run as a user types them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = re.findall(r"^    (python -m .+)$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
SMALL = "--spatial_shape [32,32,24] --num_workers 0"


def run(command, cwd=ROOT):
    """Run a command in a shell, as ``python`` of this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=cwd,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


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


def filled_in(command, names):
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], command)


def test_the_commands_of_the_readme_run_in_their_order(names):
    kinds = ["run training", "run evaluation", "run inference"]
    assert all(sum(kind in command for command in COMMANDS) == 1 for kind in kinds)
    for command in COMMANDS:
        small = f" {SMALL}" * ("monai.bundle run" in command)
        small += " --max_epochs 1 --batches_per_epoch 2" * ("run training" in command)
        done = run(filled_in(command, names) + small)
        assert done.returncode == 0, done.stdout + done.stderr
    produced = {
        "RUN": ["model.pt", "last_state.pt", "config.yaml", "environment.json", "metrics.json", "report.html"]
    }
    produced |= {"ANSWERS": ["predictions.csv", "predictions.json"]}
    for folder, files in produced.items():
        assert all(Path(names[folder], file).stat().st_size for file in files)
    environment = json.loads(Path(names["RUN"], "environment.json").read_text())
    assert environment["command"].startswith(
        "python -m monai.bundle run training --config_file configs/train.yaml"
    )
    assert environment["packages"]["monai"]


def test_a_user_s_mistake_is_one_line_from_any_folder_and_any_run(tmp_path):
    for config in ("train", "inference"):
        done = run(
            f"python -m monai.bundle run --config_file {ROOT}/configs/{config}.yaml --dataset_dir nowhere",
            tmp_path,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("error: ")


def test_python_m_preview_draws(names):
    (command,) = re.findall(r"`(python -m scripts preview .+?)`", (ROOT / "README.md").read_text())
    done = run(filled_in(command, names))
    assert done.returncode == 0, done.stderr
    assert list(Path(names["PICTURES"]).glob("*.png"))
