"""Every recipe, trained for an epoch; then each client answers from RUN/model.pt alone as training validated.

Oracle: the probabilities that the training process's own validation computed.
"""

import json
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from monai.inferers import SimpleInferer

from scripts import bundle_root
from scripts.answering import Predictor
from scripts.checkpoints import EnsembleFile
from scripts.delivery.export import export
from scripts.delivery.forms import FORMS
from scripts.delivery.pack import NAME, pack
from scripts.evaluation import class_columns, read_predictions

CONFIGS = Path(bundle_root(), "configs")
RECIPES = sorted(path.stem for path in CONFIGS.glob("recipe_*.yaml") if path.stem != "recipe_lobes_demo")
ONE_A_FAMILY = {"recipe_sa_66", "recipe_da_ca_resnet18", "recipe_lobe_box", "recipe_flips"}
SLOW = {name: [] if name in ONE_A_FAMILY else [pytest.mark.slow] for name in RECIPES}
SHAPE = [24, 24, 16]
# torch 2.13 deprecates this of its own, where it exports.
pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")


@pytest.fixture(scope="module")
def data(phantoms, tmp_path_factory):
    """The phantoms with no masks: who names a scan alone names none; and one cache for all runs."""
    folder = tmp_path_factory.mktemp("matrix")
    content = json.loads((phantoms / "datalist.json").read_text())
    for part in ("training", "validation", "test"):
        for item in content[part]:
            item["image"] = str(phantoms / item["image"])
            item.pop("lobes", None)
    (folder / "datalist.json").write_text(json.dumps(content))
    return {"dataset_dir": str(folder), "cache_dir": str(folder / "cache"), "num_workers": 0}


@pytest.fixture(scope="module", params=[None, *(pytest.param(name, marks=SLOW[name]) for name in RECIPES)])
def run(request, data, save_model, tmp_path_factory):
    """A trained run, its validation's scans and probabilities, and the size of its batches."""
    folder = tmp_path_factory.mktemp(str(request.param))
    small = {"spatial_shape": SHAPE, "max_epochs": 1, "batches_per_epoch": 1}
    if request.param == "recipe_lobe_box":
        sizes = {"network_def::channels": [4, 8], "network_def::residual_units": 0}
        lobes = folder / "lobe_model.pt"
        save_model(lobes, base="inference_lobes.yaml", spatial_shape=[24, 16, 20], **sizes)
        small["lobe_ckpt_path"] = str(lobes)
    names = ["train", *([request.param] if request.param else [])]
    workflow = ConfigWorkflow(
        [str(CONFIGS / f"{name}.yaml") for name in names],
        run_id="training", workflow_type="train", logging_file=False, output_dir=str(folder), **data, **small,
    )  # fmt: skip
    workflow.initialize()
    validated = []

    def keep(engine):
        validated.extend(output["pred"].tolist() for output in engine.state.output)

    workflow.evaluator.add_event_handler(Events.ITERATION_COMPLETED, keep)
    workflow.run()
    workflow.finalize()
    items = json.loads(Path(data["dataset_dir"], "datalist.json").read_text())["validation"]
    return SimpleNamespace(
        folder=folder,
        recipe=request.param,
        checkpoint=folder / "model.pt",
        scans=[item["image"] for item in items],
        validated=np.array(validated),
        batch_size=workflow.parser.get_parsed_content("val_batch_size"),
    )


def raw(checkpoint, run, **options):
    answers = Predictor(checkpoint).predict(run.scans, **{"batch_size": run.batch_size} | options)
    return np.array([list(answer.raw.values()) for answer in answers])


def raw_of(path):
    columns = [f"raw_{name}" for name in class_columns(["non-pneumonia", "other pneumonia", "COVID-19"])]
    return np.array([[float(row[name]) for name in columns] for row in read_predictions(path)])


def run_workflow(run_id, names, folder, **override):
    workflow = ConfigWorkflow(
        [str(CONFIGS / f"{name}.yaml") for name in names], run_id=run_id, logging_file=False,
        workflow_type="inference" if run_id == "inference" else "train", output_dir=str(folder), **override,
    )  # fmt: skip
    workflow.initialize()
    workflow.run()


def test_inference_answers_as_training_validated(run, tmp_path):
    run_workflow(
        "inference", ["inference"], tmp_path,
        ckpt_path=str(run.checkpoint), scans=run.scans, batch_size=run.batch_size, num_workers=0,
    )  # fmt: skip
    np.testing.assert_allclose(raw_of(tmp_path / "predictions.csv"), run.validated, atol=1e-6)
    np.testing.assert_allclose(raw(run.checkpoint, run, batch_size=1), run.validated, atol=1e-5)


def test_evaluation_answers_as_training_validated(run, data, tmp_path):
    for name in ("model.pt", "model.json", "lobe_model.pt", "lobe_model.json"):
        if (run.folder / name).exists():
            shutil.copy(run.folder / name, tmp_path / name)  # evaluation adds the calibration
    run_workflow(
        "evaluation", ["train", "evaluate"], tmp_path, **data,
        reported="$@parts['select']", audit_override=["trained_on"], report=False,
        val_batch_size=run.batch_size,
    )  # fmt: skip
    np.testing.assert_allclose(raw_of(tmp_path / "predictions.csv"), run.validated, atol=1e-6)


def test_explaining_changes_no_answer(run):
    predictor = Predictor(run.checkpoint)
    answers = list(predictor.predict(run.scans, batch_size=run.batch_size, explain=True))
    found = [list(answer.raw.values()) for answer in answers]
    np.testing.assert_allclose(found, run.validated, atol=1e-6)
    assert all(np.isfinite(answer.explanation.array).all() for answer in answers)


def test_an_export_answers_as_training_validated(run, tmp_path):
    export(run.checkpoint, tmp_path, run.scans[:2], ["torchscript"])
    exported = FORMS["torchscript"].read(tmp_path / FORMS["torchscript"].file_name)
    predictor = Predictor(run.checkpoint, inferer=SimpleInferer())
    grids = torch.stack(
        [predictor.model.preprocessing({"image": scan})["image"].as_tensor() for scan in run.scans]
    )
    with torch.no_grad():
        found = exported(grids).softmax(dim=1).numpy()
    if run.recipe == "recipe_flips":  # the network alone is exported
        one_view = [list(answer.raw.values()) for answer in predictor.predict(run.scans)]
        np.testing.assert_allclose(found, one_view, atol=1e-5)
        assert np.abs(found - run.validated).max() > 1e-5
    else:
        np.testing.assert_allclose(found, run.validated, atol=1e-5)


def test_a_release_answers_as_training_validated(run, tmp_path):
    with zipfile.ZipFile(pack(run.checkpoint, tmp_path)) as archive:
        archive.extractall(tmp_path)
    models = tmp_path / NAME / "models"
    if run.recipe == "recipe_lobe_box":
        for name in ("lobe_model.pt", "lobe_model.json"):
            shutil.copy(run.folder / name, models / name)
    np.testing.assert_allclose(raw(models / "model.pt", run), run.validated, atol=1e-6)


def test_an_ensemble_answers_with_what_training_validated(run, checkpoint, tmp_path):
    EnsembleFile.write(tmp_path / "ensemble.json", [run.checkpoint, checkpoint])
    flips = Predictor(run.checkpoint).inferer
    other = Predictor(checkpoint, inferer=flips).predict(run.scans, batch_size=run.batch_size)
    expected = (run.validated + np.array([list(answer.raw.values()) for answer in other])) / 2
    np.testing.assert_allclose(raw(tmp_path / "ensemble.json", run), expected, atol=1e-6)
