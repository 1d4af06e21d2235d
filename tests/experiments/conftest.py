import pytest
from monai.bundle import ConfigWorkflow
from small_runs import SMALL

from scripts import bundle_root


@pytest.fixture(scope="session")
def run_config():
    """Run a config of configs/ as ``monai.bundle run`` does, on a small grid unless told otherwise."""

    def run(run_id, names, **override):
        files = [f"{bundle_root()}/configs/{name}" for name in names]
        built = ConfigWorkflow(files, run_id=run_id, workflow_type="train", logging_file=False, **override)
        built.initialize()
        built.run()
        return built

    return run


@pytest.fixture(scope="session")
def cross_validation(phantoms, tmp_path_factory, run_config):
    """The folder of a finished cross-validation of the sixteen phantoms' two folds, with flips."""
    folder = tmp_path_factory.mktemp("cross_validation")
    places = {"dataset_dir": str(phantoms), "output_dir": str(folder)}
    run_config("cross_validation", ["cross_validate.yaml"], flips=True, **places, **SMALL)
    return folder
