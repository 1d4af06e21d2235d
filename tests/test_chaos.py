"""Processes killed at random moments: started again, each ends with the bytes of one that was not killed.

    CHAOS_KILLS=10 python -m pytest tests/test_chaos.py -m slow -s

kills each of six commands ten times and prints the table of docs/reliability.md.
"""

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import pytest
from monai.bundle import ConfigWorkflow

from scripts import bundle_root
from scripts.audit.__main__ import main as audit

KILLS = int(os.environ.get("CHAOS_KILLS", "1"))  # of each command
GRID = {"spatial_shape": [24, 24, 16], "num_workers": 0}
TRAIN = {"max_epochs": 3, "batches_per_epoch": 2}
LOBES = {"spatial_shape": [32, 24, 32], "num_workers": 0}
TIMES = {"costs.json", "fold.json", "run.json", "environment.json", "config.yaml"}  # when, where, how long
CONTEXT = multiprocessing.get_context("fork")  # nothing is imported anew: the kills meet work, not imports


def run(run_id, *names, **override):
    workflow = ConfigWorkflow(
        [f"{bundle_root()}/configs/{name}.yaml" for name in names],
        run_id=run_id,
        workflow_type="inference" if run_id == "inference" else "train",
        logging_file=False,
        **{key: str(value) if isinstance(value, Path) else value for key, value in override.items()},
    )
    workflow.initialize()
    workflow.run()


def train(folder, given):
    run("training", "train", output_dir=folder, resume="auto", dataset_dir=given["data"], **GRID, **TRAIN)


def cross_validate(folder, given):
    places = {"output_dir": folder, "dataset_dir": given["data"]}
    run("cross_validation", "cross_validate", report=False, **places, **GRID, **TRAIN | {"max_epochs": 1})


def infer(folder, given):
    run("inference", "inference", output_dir=folder, explain=True, **given["answer"], **GRID)


def evaluate(folder, given):
    run(
        "evaluation", "train", "evaluate", output_dir=folder, ckpt_path=given["model"],
        dataset_dir=given["data"], report=False, **GRID,
    )  # fmt: skip


def check_data(folder, given):
    audit([str(given["data"] / "datalist.json"), "--output", str(folder / "audit.html"), "--workers", "1"])


def find_lobes(folder, given):
    answer = given["answer"] | {"ckpt_path": given["lobe_model"]}
    run("inference", "inference_lobes", output_dir=folder, **answer, **LOBES)


COMMANDS = {
    "training": train,
    "cross-validation": cross_validate,
    "inference --explain": infer,
    "evaluation": evaluate,
    "audit": check_data,
    "lobes": find_lobes,
}


@pytest.fixture(scope="module")
def given(phantoms, save_model, tmp_path_factory):
    """What the commands start from."""
    folder = tmp_path_factory.mktemp("models")
    save_model(folder / "model.pt", spatial_shape=GRID["spatial_shape"])
    lobes = {"spatial_shape": LOBES["spatial_shape"]}
    save_model(folder / "lobe_model.pt", "recipe_lobes_demo.yaml", base="train_lobes.yaml", **lobes)
    scans = [str(path) for path in sorted((phantoms / "images").iterdir())[:4]]
    answer = {"scans": scans, "ckpt_path": folder / "model.pt", "batch_size": 1}
    models = {"model": folder / "model.pt", "lobe_model": folder / "lobe_model.pt"}
    return {"data": phantoms, "answer": answer, **models}


def _work(command, folder, given):
    os.setpgid(0, 0)
    sys.stdout = sys.stderr = Path(f"{folder}.log").open("a", buffering=1)  # noqa: SIM115 - to the end
    os.dup2(sys.stdout.fileno(), 1)
    os.dup2(sys.stdout.fileno(), 2)
    command(folder, given)


def started(command, folder, given):
    process = CONTEXT.Process(target=_work, args=(command, folder, given))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        process.start()
    return process


def kill(command, folder, given, moment):
    """Kill a command; where it was finished before its moment came, begin anew and halve that."""
    process = started(command, folder, given)
    process.join(moment)
    if process.is_alive():
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    if process.exitcode != -signal.SIGKILL:
        shutil.rmtree(folder)
        kill(command, folder, given, moment / 2)


def content(folder):
    """Return the files of a run by name, but for caches, curves, and what tells times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"cache", "tensorboard"} & set(path.relative_to(folder).parts)
        if path.name not in TIMES | {".lock"}  # which a process that multiprocessing ends does not remove
        and path.suffix != ".sqlite"
        and not path.name.startswith(("environment_", "config_"))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_run_started_again_ends_with_the_bytes_of_one_that_was_not(name, given, tmp_path, capsys):
    command = COMMANDS[name]
    begun = time.monotonic()
    whole = started(command, tmp_path / "whole", given)
    whole.join()
    duration = time.monotonic() - begun
    assert whole.exitcode == 0, (tmp_path / "whole.log").read_text()[-2000:]
    moments = random.Random(name)
    for number in range(KILLS):
        folder = tmp_path / str(number)
        kill(command, folder, given, moments.uniform(0.02, 1) * duration)
        again = started(command, folder, given)
        again.join()
        assert again.exitcode == 0, (tmp_path / f"{number}.log").read_text()[-2000:]
        expected, found = content(tmp_path / "whole"), content(folder)
        assert sorted(found) == sorted(expected)
        different = [file for file in expected if found[file] != expected[file]]
        assert not different, f"kill {number}: {different}"
    with capsys.disabled():
        print(f"\n| {name} | {duration:.1f} s | {KILLS} | {len(expected)} files | equal |")
