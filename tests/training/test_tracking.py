"""`--tracking mlflow`, into a database of its own. Needs requirements-mlflow.txt."""

import pytest
from monai.bundle import ConfigWorkflow

from scripts import bundle_root

mlflow = pytest.importorskip("mlflow", reason="MLflow is optional: pip install -r requirements-mlflow.txt")
pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow and what it brings along
SMALL = {"spatial_shape": [24, 24, 16], "max_epochs": 2, "batches_per_epoch": 1, "num_workers": 0}


def run(run_id, config, **override):
    built = ConfigWorkflow(
        f"{bundle_root()}/configs/{config}", run_id=run_id, workflow_type="train", logging_file=False,
        tracking="mlflow", **SMALL, **override,
    )  # fmt: skip
    built.initialize()
    built.run()
    built.finalize()


def tracked(folder, experiment):
    """Return the runs of an experiment by name, and the figures of each."""
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlruns.db")
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return client, {run.info.run_name: run for run in runs}


def test_training_is_tracked_by_epoch(phantoms, tmp_path):
    run("training", "train.yaml", dataset_dir=str(phantoms), output_dir=str(tmp_path), run_name="here")
    client, runs = tracked(tmp_path, "monai_experiment")
    (found,) = runs.values()
    assert {"loss", "loss_pneumonia_type", "accuracy", "log_likelihood"} <= set(found.data.metrics)
    assert len(client.get_metric_history(found.info.run_id, "accuracy")) == 2
    assert (tmp_path / "tensorboard").is_dir()


def test_each_fold_of_a_cross_validation_is_a_run_of_its_own(phantoms, tmp_path):
    run("cross_validation", "cross_validate.yaml", dataset_dir=str(phantoms), output_dir=str(tmp_path))
    _, runs = tracked(tmp_path, "cross_validation")
    assert set(runs) == {"fold 0", "fold 1"}
    assert all("loss" in found.data.metrics for found in runs.values())
