import json

import pytest
import torch
from ignite.engine import Engine
from monai.bundle import ConfigWorkflow
from toy_answers import SHAPE

from scripts import bundle_root
from scripts.answering import AnswerWriter, Predictor

GRID = list(SHAPE)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, save_model):
    """Random weights of PA-66-M with heat for both pneumonias; the model file knows the training prior."""
    path = tmp_path_factory.mktemp("checkpoint") / "model.pt"
    save_model(path, seed=5, spatial_shape=GRID, facts={"training_prior": [0.4, 0.3, 0.3]})
    return path


@pytest.fixture(scope="session")
def predictor(checkpoint):
    """The predictor of that checkpoint: uncalibrated."""
    return Predictor(checkpoint)


@pytest.fixture(scope="session")
def drive():
    """Hand answers to sinks as an evaluator does: gradients off, one list of items an iteration."""

    def run(predictor, sinks, batches, raw=None, stop_after=None, explain=False, journal=None):
        def step(engine, number):
            if number == stop_after:
                raise RuntimeError("power cut")
            engine.state.batch = batches[number]
            if raw is not None:
                return [{"pred": said} for said in raw[number]]
            with torch.no_grad():
                return [{"raw": said, "pred": said.flip(0)} for said in predictor.raw(batches[number])]

        for position, one in enumerate(item for batch in batches for item in batch):
            one.setdefault("position", position)
        engine = Engine(step)
        AnswerWriter(predictor, sinks, explain, journal).attach(engine)
        engine.run(range(len(batches)))

    return run


@pytest.fixture(scope="session")
def trained(phantoms, tmp_path_factory):
    """A trained run: its folder, what validation said in that process, and its data set."""
    folder = tmp_path_factory.mktemp("trained")
    workflow = ConfigWorkflow(
        f"{bundle_root()}/configs/train.yaml", run_id="training", workflow_type="train", logging_file=False,
        dataset_dir=str(phantoms), output_dir=str(folder), spatial_shape=[24, 24, 16], max_epochs=1,
        batches_per_epoch=1, num_workers=0,
    )  # fmt: skip
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    return folder


@pytest.fixture(scope="session")
def lists(phantoms):
    """The datalist's items, with the paths of their scans."""
    content = json.loads((phantoms / "datalist.json").read_text())
    parts = ("training", "validation", "test")
    return {
        part: [{**item, "image": str(phantoms / item["image"])} for item in content[part]] for part in parts
    }
