"""The overlays for several processes, run by two that gloo joins: what they write is what one writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow
from several_processes import in_processes

from scripts.statistics import read_predictions

ROOT = Path(__file__).parents[1]
SMALL = {"spatial_shape": [24, 24, 16], "max_epochs": 1, "batches_per_epoch": 2, "num_workers": 0}
FEW = {"batch_sampler::counts": [2, 1, 1], "val_batch_size": 1}


def built(run_id, *names, **override):
    """Build a workflow as ``monai.bundle run`` does, on a small grid."""
    workflow = ConfigWorkflow(
        [str(ROOT / "configs" / f"{name}.yaml") for name in names],
        run_id=run_id,
        workflow_type="inference" if run_id == "inference" else "train",
        logging_file=False,
        **SMALL | {key: str(value) if isinstance(value, Path) else value for key, value in override.items()},
    )
    workflow.initialize()
    return workflow


def run(*arguments, **override):
    """Run a workflow to its end; return its exit status."""
    workflow = built(*arguments, **override)
    try:
        workflow.run()
    except SystemExit as end:
        return end.code
    finally:
        workflow.finalize()
    return 0


def files(folder):
    """The files that a run wrote; a process that multiprocessing ends leaves its (free) lock file behind."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return sorted(str(path.relative_to(folder)) for path in found)


@pytest.fixture(scope="module")
def data(phantoms, tmp_path_factory):
    """Phantoms, and one cache for all runs; batches of two, which three scans do not fill."""
    cache = tmp_path_factory.mktemp("cache")
    return {"dataset_dir": phantoms, "cache_dir": cache, "val_batch_size": 2}


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder that two processes trained in, and each one's validation metrics."""
    folder = tmp_path_factory.mktemp("trained")

    def train():
        workflow = built("training", "train", "multi_gpu_train", output_dir=folder, **data | FEW)
        workflow.run()
        network = workflow.parser.get_parsed_content("network")
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        return dict(workflow.evaluator.state.metrics), {
            name: value.numpy() for name, value in weights.items()
        }

    return folder, in_processes(train)


def test_two_processes_end_with_the_same_weights_and_write_them_once_without_prefix(trained):
    folder, ((_, first), (_, second)) = trained
    saved = torch.load(folder / "model.pt")
    assert list(first) == list(saved)
    for name, value in saved.items():
        assert (first[name] == value.numpy()).all() and (second[name] == value.numpy()).all(), name
    written = {name if "/" not in name else name.partition("/")[0] for name in files(folder)}
    assert written == {
        "environment.json", "history.csv", "last_state.pt", "model.json", "model.pt", "tensorboard",
    }  # fmt: skip
    assert len((folder / "history.csv").read_text().splitlines()) == 2  # a header and the epoch
    assert len(list((folder / "tensorboard").iterdir())) == 2  # the trainer's and the validator's
    assert json.loads((folder / "environment.json").read_text())["processes"] == 2


def test_validation_metrics_are_those_of_one_process_to_the_last_bit(trained, data):
    folder, ((first, _), (second, _)) = trained
    alone = built("training", "train", output_dir=folder, **data | FEW)
    alone.network_def.load_state_dict(torch.load(folder / "model.pt"))
    alone.evaluator.run()
    assert first == second == alone.evaluator.state.metrics


def test_evaluation_by_two_processes_writes_the_bytes_of_one(trained, data, tmp_path):
    common = {"ckpt_path": trained[0] / "model.pt", **data}
    described = trained[0] / "model.json"
    untouched = described.read_bytes()
    configs = ("evaluation", "train", "evaluate")
    run(*configs, output_dir=tmp_path / "one", **common)
    fitted = described.read_bytes()
    assert fitted != untouched
    described.write_bytes(untouched)  # so that the two fit it too
    both = {"output_dir": tmp_path / "two", **common}
    assert in_processes(lambda: run(*configs, "multi_gpu_evaluate", **both)) == [0, 0]
    assert described.read_bytes() == fitted
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for name in ("predictions.csv", "predictions.json", "metrics.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.slow
def test_heat_maps_by_two_processes_are_those_of_one(trained, phantoms, tmp_path):
    scans = [str(path) for path in sorted((phantoms / "images").iterdir())[:3]]
    common = {"ckpt_path": trained[0] / "model.pt", "scans": scans, "batch_size": 1, "explain": True}
    run("inference", "inference", output_dir=tmp_path / "one", **common)
    both = {"output_dir": tmp_path / "two", **common}
    in_processes(lambda: run("inference", "inference", "multi_gpu_inference", **both))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for name in ("heat_maps.csv", "predictions.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_inference_by_two_processes_keeps_the_order_and_the_exit_status(trained, phantoms, tmp_path):
    scans = [str(path) for path in sorted((phantoms / "images").iterdir())[:2]]
    scans.insert(1, str(tmp_path / "missing.nii.gz"))
    common = {"ckpt_path": trained[0] / "model.pt", "scans": scans, "batch_size": 1}
    assert run("inference", "inference", output_dir=tmp_path / "one", **common) == 1
    both = {"output_dir": tmp_path / "two", **common}
    assert in_processes(lambda: run("inference", "inference", "multi_gpu_inference", **both)) == [1, 0]
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for name in ("predictions.csv", "predictions.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    names = [Path(scan).name for scan in scans]
    assert [row["image"] for row in read_predictions(tmp_path / "two" / "predictions.csv")] == names


@pytest.mark.slow
def test_lobes_found_by_two_processes_are_those_of_one(phantoms, save_model, tmp_path):
    shape = {"spatial_shape": [32, 24, 32]}
    save_model(tmp_path / "lobe_model.pt", "recipe_lobes_demo.yaml", base="train_lobes.yaml", **shape)
    scans = [str(path) for path in sorted((phantoms / "images").iterdir())[:3]]
    scans.insert(1, str(tmp_path / "missing.nii.gz"))
    common = {"ckpt_path": tmp_path / "lobe_model.pt", "scans": scans, "batch_size": 1, **shape}
    configs = ("inference", "inference_lobes")
    assert run(*configs, output_dir=tmp_path / "one", **common) == 1
    both = {"output_dir": tmp_path / "two", **common}
    assert in_processes(lambda: run(*configs, "multi_gpu_inference", **both)) == [1, 0]
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "two")) == 4  # three label maps and their table
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.slow
def test_torchrun_runs_training_evaluation_and_inference(phantoms, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    small = ["--spatial_shape", "[24,24,16]", "--num_workers", "0", "--output_dir", str(tmp_path)]
    configs = {
        "training": ("train", "multi_gpu_train"),
        "evaluation": ("train", "evaluate", "multi_gpu_evaluate"),
        "inference": ("inference", "multi_gpu_inference"),
    }
    train = ["--dataset_dir", str(phantoms), "--val_batch_size", "1"]
    own = {
        "training": [*train, "--max_epochs", "1", "--batches_per_epoch", "1"],
        "evaluation": train,
        "inference": [
            "--scans",
            f"['{tmp_path}','{phantoms}/images']",
            "--ckpt_path",
            f"{tmp_path}/model.pt",
        ],
    }
    for run_id, names in configs.items():
        paths = str([f"configs/{name}.yaml" for name in names])
        command = [
            *torchrun,
            "-m",
            "monai.bundle",
            "run",
            run_id,
            "--config_file",
            paths,
            *own[run_id],
            *small,
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == (run_id == "inference"), done.stderr  # the folder of the run is no scan
