"""What the configs of inference and evaluation are made of: the checkpoint decides, else their defaults."""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.inferers import Inferer
from monai.transforms import Compose, MapTransform
from monai.utils import convert_to_dst_type
from torch import nn

from scripts.checkpoints import declared_targets
from scripts.command_line import running_config
from scripts.datalists import class_names
from scripts.errors import UserError
from scripts.files import sha256_of
from scripts.journal import Journal
from scripts.networks import place_network
from scripts.scans import SALT, PatientKeys, is_salt_kept
from scripts.statistics import read_predictions
from scripts.transforms import Region, ScanDataset, item_stamp, prepare
from scripts.transforms import preprocessing as default_preprocessing

from .agreement import check_agreement, is_stated
from .models import first_model_file
from .predictor import Predictor

__all__ = [
    "Calibrated",
    "check_unseen",
    "classes_of_run",
    "fail_if_refused",
    "inferer_of_run",
    "journal_of_run",
    "label_mapping_of_run",
    "network_of_run",
    "predictor_of_run",
    "preprocessing_of_run",
    "require_checkpoint",
]

SEEN = "trained_on"  # the name by which --audit_override answers for it


def predictor_of_run(
    ckpt_path: str | Path | Sequence[str | Path],
    device: torch.device,
    test_time_inferer: Inferer | None = None,
    method: Callable[..., Any] | None = None,
    **choices: Any,
) -> Predictor | None:
    """Return the predictor of a run; what the config states of the model must agree with its model file.

    Args:
        ckpt_path: a ``model.pt``, several, or an ``ensemble.json``.
        device: where the network runs.
        test_time_inferer: used where the run states it; else the model file's.
        method: of heat maps.
        choices: other arguments of :class:`Predictor`.

    Returns:
        None where there is no such file: then the config's own defaults stand.

    Raises:
        UserError: as :class:`Predictor` and :func:`check_agreement`.
    """
    first = ckpt_path if isinstance(ckpt_path, (str, Path)) else next(iter(ckpt_path), "")
    if not Path(first).is_file():
        return None
    parser = running_config()
    inferer = test_time_inferer if is_stated(parser, "test_time_inferer") else None
    predictor = Predictor(
        ckpt_path, device, inferer=inferer, method=method, declared=declared_targets(parser), **choices
    )
    for path, described in zip(predictor.model.checkpoints, predictor.model.files, strict=True):
        check_agreement(parser, described, path)
    return predictor


def require_checkpoint(predictor: Predictor | None, ckpt_path: Any) -> None:
    """Stop a run that has nothing to answer with.

    Raises:
        UserError: there is no checkpoint.
    """
    if predictor is None:
        raise UserError(f"{ckpt_path}: no such checkpoint; train one, or name yours with --ckpt_path")


def journal_of_run(
    predictor: Predictor | None,
    items: Sequence[Mapping[str, Any]],
    output_dir: str | Path,
    explain: bool = False,
    sinks: Sequence[Any] = (),
    overwrite: bool = False,
    about: str = "predictions",
) -> Journal:
    """Return what a run answered in its folder before, by the same model and settings.

    Args:
        predictor: of the run; None keeps nothing.
        items: the scans.
        output_dir: the run's folder.
        explain: heat maps are made.
        sinks: that the answers go to.
        overwrite: begin anew.
        about: what is answered, the name of its files without their ending.

    Raises:
        UserError: another model or setting answered there.
    """
    if predictor is None:
        return Journal(None, items, about=about)
    written: dict[str, Any] = {"sinks": [type(sink).__name__ for sink in sinks]}
    salted = bool(os.environ.get(SALT)) and not all(item.get("patient") for item in items)
    written["patient_salt"] = PatientKeys()("known by this key") if salted else None
    journal = Journal(output_dir, items, item_stamp, predictor.identity(explain) | written, overwrite, about)
    left = len(journal.answered) < len(items)
    if left and not salted and not is_salt_kept(output_dir) and _has_keys(journal):
        print(
            f"the keys of DICOM patients do not agree between the earlier answers and those to come: the "
            f"salt of a finished run is kept nowhere; where that matters, set {SALT} and begin anew with "
            f"--overwrite True"
        )
    return journal


def _has_keys(journal: Journal) -> bool:
    """Say whether an earlier answer names its patient by a key, as DICOM's are."""
    return any(
        row.get("patient") and not journal.items[index].get("patient")
        for index in journal.answered
        for row in journal.rows_of(index, "predictions.csv")
    )


def network_of_run(predictor: Predictor | None, device: torch.device) -> nn.Module:
    """Return the checkpoint's network; without a checkpoint that of the config, with random weights."""
    if predictor is not None:
        return predictor.network
    return place_network(running_config().get_parsed_content("network_def"), device)


def preprocessing_of_run(
    predictor: Predictor | None,
    region: Region,
    spatial_shape: Sequence[int],
    window: tuple[float, float] = (-500.0, 1500.0),
    lobes_key: str | None = None,
) -> Compose:
    """Return the checkpoint's preprocessing; without one :func:`scripts.transforms.preprocessing`."""
    if predictor is not None:
        return predictor.model.preprocessing
    return default_preprocessing(region, spatial_shape, window, lobes_key=lobes_key)


def inferer_of_run(predictor: Predictor | None, default: Inferer) -> Inferer:
    """Return how a scan is shown to the network: as the run states, else as the model file says."""
    return default if predictor is None else predictor.inferer


def classes_of_run(ckpt_path: str | Path | Sequence[str | Path], datalist: str | Path) -> list[str]:
    """Return the classes that labels are read as: the checkpoint's; without one those of the datalist."""
    known = first_model_file(ckpt_path)
    return class_names(datalist) if known is None else known.classes


def label_mapping_of_run(
    ckpt_path: str | Path | Sequence[str | Path], datalist: str | Path
) -> dict[str, int | str | None]:
    """Return what the labels of the datalist that trained a checkpoint meant there; of another, nothing."""
    known = first_model_file(ckpt_path)
    if known is None or not Path(datalist).is_file() or known.datalist_sha256 != sha256_of(datalist):
        return {}
    return dict(known.label_mapping)


class Calibrated(MapTransform):
    """Calibrate probabilities: so every client of a bundle's postprocessing gives those of the report.

    Args:
        keys: of the probabilities ``(classes,)``; they are calibrated, and kept as they were under ``raw``.
        predictor: has the calibration and the stated prior; None is identity.
    """

    def __init__(self, keys: KeysCollection, predictor: Predictor | None) -> None:
        super().__init__(keys)
        self.predictor = predictor

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            raw = d[key]
            d["raw"] = raw
            if self.predictor is not None and torch.isfinite(raw).all():
                said = np.asarray(raw.as_subclass(torch.Tensor).double().cpu())
                calibrated, _ = self.predictor.calibrated(said)
                d[key], *_ = convert_to_dst_type(calibrated, raw)
        return d


def check_unseen(
    predictor: Predictor, dataset: ScanDataset, override: str | Sequence[str] = (), num_workers: int = 0
) -> str:
    """Make sure that no scan to be reported taught the model: the same voxels, whatever their file's name.

    Args:
        predictor: whose model file has the content hashes of its training and validation scans.
        dataset: of the scans to be reported; each is read once, into the cache.
        override: errors that the user answers for; ``trained_on`` goes on all the same.
        num_workers: processes that read scans.

    Returns:
        What the outputs say of it.

    Raises:
        UserError: a scan taught the model.
    """
    taught = predictor.model.taught_by
    if taught is None:
        said = "not checked: the model file does not tell which scans taught it"
        print(said)
        return said
    prepare(dataset, num_workers)
    seen = [
        item["name"]
        for item, found in zip(dataset.data, dataset.content_hashes(), strict=True)
        if found and found in taught
    ]
    if not seen:
        return "none of the scans trained or selected the model"
    names = ", ".join(seen[:3]) + (", ..." if len(seen) > 3 else "")
    said = f"{len(seen)} of {len(dataset)} scans trained or selected the model ({names})"
    if SEEN not in ([override] if isinstance(override, str) else override):
        raise UserError(
            f"{said}: metrics on them mean nothing; take them out of the datalist, or answer for it with "
            f"--audit_override \"['{SEEN}']\", and the report says so"
        )
    return f"{said}; answered for by --audit_override {SEEN}"


def fail_if_refused(
    output_dir: str | Path, table: str = "predictions.csv", answer: str = "prediction"
) -> None:
    """Say how many scans were answered and which were refused; end with exit status 1 if any was.

    Args:
        output_dir: holds the table.
        table: has a row a scan, with ``image`` and ``reason``.
        answer: its column that is empty for a refused scan.

    Raises:
        SystemExit: a scan was refused. So this is the last step of inference, and of nothing else.
    """
    path = Path(output_dir) / table
    rows = read_predictions(path)
    refused = [row for row in rows if not row[answer]]
    for row in refused:
        print(f"refused {row['image']}: {row['reason']}")
    print(f"{len(rows) - len(refused)} of {len(rows)} scans answered: {path}")
    if refused:
        raise SystemExit(1)
