"""What is fitted once to a checkpoint and kept in its model file: calibration, and distance to its scans."""

from collections.abc import Sequence

import numpy as np
from torch.utils.data import DataLoader
from tqdm import tqdm

from scripts.checkpoints import CalibrationRecord, ModelFile, model_file_path
from scripts.processes import gather, rank
from scripts.statistics import SENSITIVITY, fit_calibration
from scripts.transforms import ScanDataset

from .answer import Answer
from .predictor import Predictor

__all__ = ["calibrate_once", "fit_training_distance_once", "fitted_on_answers"]


def calibrate_once(
    predictor: Predictor,
    dataset: ScanDataset,
    sensitivity: float = SENSITIVITY,
    batch_size: int = 4,
    num_workers: int = 0,
) -> None:
    """Fit the calibration of a checkpoint that has none, write it into its model file, and use it.

    So a checkpoint that is evaluated on another data set keeps the calibration that it came with, and an
    ensemble that of its ``ensemble.json``. Of several processes the first fits.

    Args:
        predictor: of the checkpoint.
        dataset: the scans that selected it, refused ones kept; where there are none, nothing is fitted.
        sensitivity: that each class's threshold should reach.
        batch_size: scans in one pass of the network.
        num_workers: processes that read scans.
    """
    model = predictor.model
    if len(model.files) > 1 or model.ensemble is not None:
        return
    if model.calibration is not None:
        print(f"calibrated before, on {model.calibration.fitted_on['scans']} scans: {model.checkpoints[0]}")
        return
    if not len(dataset):
        print("the datalist has no validation list: the probabilities stay uncalibrated")
        return
    fitted = None
    if rank() == 0:
        loader = DataLoader(dataset, batch_size, num_workers=num_workers, collate_fn=list)
        batches = tqdm(loader, desc="calibrating", unit="batch")
        answers = [answer for batch in batches for answer in predictor.answers(batch, predictor.raw(batch))]
        fitted = fitted_on_answers(answers, predictor.training_prior, sensitivity)
        if fitted is not None:
            described = ModelFile.of(model.checkpoints[0])
            described.model_copy(update={"calibration": fitted}).write(model.checkpoints[0])
    fitted = gather(fitted)[0]
    if fitted is None:
        print("no scan of the validation list was answered: the probabilities stay uncalibrated")
        return
    predictor.use_calibration(fitted.calibration())
    if rank() == 0:
        print(
            f"temperature {fitted.temperature:.3f} on {fitted.fitted_on['scans']} scans: "
            f"{model_file_path(model.checkpoints[0])}"
        )


def fit_training_distance_once(
    predictor: Predictor,
    training: ScanDataset,
    held_out: ScanDataset,
    batch_size: int = 4,
    num_workers: int = 0,
) -> None:
    """Fit how far scans lie from those that taught a checkpoint, write it into its model file, and use it.

    Only for the scans that did teach it: a checkpoint that is evaluated on another data set keeps what it
    came with. Of several processes the first fits.

    Args:
        predictor: of the checkpoint.
        training: the scans that taught it, refused ones kept.
        held_out: others, that set the threshold: those that selected it; refused ones kept.
        batch_size: scans in one pass of the network.
        num_workers: processes that read scans.
    """
    from scripts.features import distance_record  # and scikit-learn with it, which one answer does without

    model = predictor.model
    if len(model.files) > 1 or model.ensemble is not None or model.training_distance is not None:
        return
    taught = model.files[0].taught_by
    fitted = None
    if rank() == 0 and taught is not None and len(training) and len(held_out):
        if set(filter(None, training.content_hashes())) <= set(taught.training):
            taught_it = _features(predictor, training, batch_size, num_workers)
            fitted = distance_record(taught_it, _features(predictor, held_out, batch_size, num_workers))
        if fitted is not None:
            described = ModelFile.of(model.checkpoints[0])
            described.model_copy(update={"training_distance": fitted}).write(model.checkpoints[0])
    fitted = gather(fitted)[0]
    if fitted is None:
        return
    predictor.use_training_distance(fitted)
    if rank() == 0:
        counts = fitted.fitted_on
        print(
            f"distance to {counts['training_scans']} training scans, its threshold on "
            f"{counts['held_out_scans']} others: {model_file_path(model.checkpoints[0])}"
        )


def _features(predictor: Predictor, dataset: ScanDataset, batch_size: int, num_workers: int) -> np.ndarray:
    loader = DataLoader(dataset, batch_size, num_workers=num_workers, collate_fn=list)
    batches = tqdm(loader, desc="measuring distances", unit="batch")
    accepted = ([item for item in batch if not item["refusal"]["code"]] for batch in batches)
    found = [predictor.features(items) for items in accepted if items]
    return np.concatenate(found) if found else np.zeros((0, 1))


def fitted_on_answers(
    answers: Sequence[Answer], training_prior: Sequence[float], sensitivity: float = SENSITIVITY
) -> CalibrationRecord | None:
    """Fit a calibration on what a model said of labelled scans; None where it answered for none of them.

    Args:
        answers: for scans that are never reported.
        training_prior: shares of the classes in the training batches; empty where not known.
        sensitivity: that each class's threshold should reach.
    """
    from scripts.statistics import PredictionTable  # and pandas with it, which one answer does without

    known = [answer for answer in answers if answer.prediction and answer.label is not None]
    if not known:
        return None
    classes = known[0].classes
    table = PredictionTable.of(
        classes,
        np.array([list(answer.raw.values()) for answer in known]),
        {
            "image": [answer.name for answer in known],
            "patient": [answer.patient for answer in known],
            "label": [answer.label for answer in known],
        },
        source="the validation list",
    )
    prior = list(training_prior) or [1 / len(classes)] * len(classes)
    return CalibrationRecord.of(fit_calibration(table, classes, prior, sensitivity))
