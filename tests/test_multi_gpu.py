"""The overlays for several processes, run by two that gloo joins: what they write is what one writes."""

import json
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow
from several_processes import in_processes

from scripts.evaluation import read_predictions

CONFIGS = Path(__file__).parents[1] / "configs"
SMALL = {"spatial_shape": [24, 24, 16], "max_epochs": 1, "batches_per_epoch": 2, "num_workers": 0}


def run(run_id, *names, **override):
    """Run a workflow as `monai.bundle run` does; return its exit status and its metrics."""
    workflow = ConfigWorkflow(
        [str(CONFIGS / f"{name}.yaml") for name in names],
        run_id=run_id,
        workflow_type="inference" if run_id == "inference" else "train",
        logging_file=False,
        **SMALL | {key: str(value) if isinstance(value, Path) else value for key, value in override.items()},
    )
    workflow.initialize()
    status = 0
    try:
        workflow.run()
    except SystemExit as end:
        status = end.code
    metrics = {} if run_id == "inference" else dict(workflow.parser["validate::evaluator"].state.metrics)
    workflow.finalize()
    return status, metrics


@pytest.fixture(scope="module")
def trained(phantoms, tmp_path_factory):
    """The folder of a run of two processes, and the validation metrics of both."""
    folder = tmp_path_factory.mktemp("trained")
    data = {"dataset_dir": phantoms, "output_dir": folder, "val_batch_size": 1}
    results = in_processes(lambda: run("training", "train", "multi_gpu_train", **data))
    return folder, results


def files(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "cache" not in str(path)
    }


def test_training_writes_each_file_once_and_names_without_prefix(trained):
    folder, _ = trained
    names = {name.rpartition("/")[0] or name for name in files(folder)}
    assert names == {"model.pt", "last_state.pt", "environment.json", "tensorboard"}
    assert json.loads((folder / "environment.json").read_text())["processes"] == 2
    assert not any(name.startswith("module.") for name in torch.load(folder / "model.pt"))
