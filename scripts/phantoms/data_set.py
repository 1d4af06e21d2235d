"""A data set of phantoms on disk: scans, lobe masks, lesion masks and their datalist."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from joblib import cpu_count
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from scripts.datalists import CLASSES, SplitPlan, split_items
from scripts.errors import UserError
from scripts.files import write_json, write_nifti
from scripts.text_files import read_json

from .phantom import draw_phantom
from .population import Population

__all__ = ["PATIENTS_A_CLASS", "TASKS", "Task", "write_data_set"]

GENERATOR = 2  # to be raised when the same arguments give other phantoms
PATIENTS_A_CLASS = 4  # at least: one to test, one to validate, two folds
SECOND_VISITS = 1 / 6  # share of the scans that are a patient's second
HELD_OUT = 0.15  # share of the patients in the validation list, and in the test list
MOST_FOLDS = 5


@dataclass(frozen=True)
class Task:
    """What the classes of a data set are.

    Attributes:
        classes: names; class 0 is the negative one.
        draws: for each class, the (label, severity) that :func:`draw_phantom` is asked for, one patient
            after the other; without a severity it is one of the population's.
    """

    classes: tuple[str, ...]
    draws: tuple[tuple[tuple[int, str | None], ...], ...]


TASKS = {
    "pneumonia": Task(CLASSES, (((0, None),), ((1, None),), ((2, None),))),
    "covid_19": Task(("not COVID-19", "COVID-19"), (((0, None), (1, None)), ((2, None),))),
    "severity": Task(
        ("none", "mild", "moderate", "severe"),
        (((0, None),), ((2, "mild"),), ((2, "moderate"),), ((2, "severe"),)),
    ),
}


@dataclass(frozen=True)
class _Order:
    """One scan to be drawn and written."""

    folder: Path
    name: str
    seed: tuple[int, int]
    label: int
    visit: int
    shape: tuple[int, ...] | None
    population: Population
    task: Task


def write_data_set(
    output_dir: str | Path,
    count: int,
    seed: int = 0,
    *,
    shape: Sequence[int] | None = None,
    workers: int | None = None,
    population: Population | None = None,
    task: str = "pneumonia",
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Write phantoms and their datalist; the same arguments give the same bytes, whatever the workers.

    A sixth of the scans are second visits of a patient. No scan ends within the lungs, as some of the same
    population do (``Population.variations``): training stops at a scan that is refused. A data set that is
    there already, made with the same arguments, is left as it is. More than one worker needs an importable
    main module (``if __name__ == "__main__":``), as Python's spawned processes do.

    Args:
        output_dir: gains ``images/``, ``lobes/``, ``lesions/`` and ``datalist.json``.
        count: number of scans, at least four a class.
        seed: of everything.
        shape: voxels of every scan along R, A, S (before it is turned to its orientation); drawn if None.
        workers: processes; all cores if None.
        population: whom to draw from; adults by default.
        task: one of :data:`TASKS`: what the classes are.
        overwrite: replace a data set that was made with other arguments.
        progress: show a progress bar.

    Returns:
        The path of the datalist.

    Raises:
        UserError: too few scans, an unknown task, a shape or number of workers that makes no sense, or
            another data set in the way.
    """
    folder = Path(output_dir)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --output_dir is a folder")
    population = _whole_chests(population or Population())
    if task not in TASKS:
        raise UserError(f"task={task!r} is unknown: give {', '.join(TASKS)}")
    classes = TASKS[task].classes
    _check(count, len(classes), seed, shape, workers)
    size = None if shape is None else tuple(int(n) for n in shape)
    settings = {
        "generator": GENERATOR,
        "count": count,
        "seed": seed,
        "shape": size,
        "population": asdict(population),
        **({} if task == "pneumonia" else {"task": task}),
    }
    name = "phantoms " + hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
    datalist = folder / "datalist.json"
    if _is_complete(datalist, name, overwrite):
        return datalist
    orders = [
        _Order(folder, *row, size, population, TASKS[task]) for row in _roster(count, seed, len(classes))
    ]
    for kind in ("images", "lobes", "lesions"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    datalist.unlink(missing_ok=True)  # it comes back last: a data set with a datalist is complete
    items = list(tqdm(_written(orders, workers), total=count, desc="phantoms", disable=not progress))
    _write_datalist(datalist, name, items, classes)
    return datalist


def _whole_chests(population: Population) -> Population:
    return replace(population, variations=replace(population.variations, cut_base_rate=0.0))


def _check(count: int, num_classes: int, seed: int, shape: Sequence[int] | None, workers: int | None) -> None:
    fewest = PATIENTS_A_CLASS * num_classes
    if count < fewest:
        raise UserError(f"count={count} is too few to split by patient and class: ask for {fewest} or more")
    if seed < 0:
        raise UserError(f"seed={seed} is negative: give 0 or more")
    if shape is not None and (len(shape) != 3 or min(shape) < 8):
        raise UserError(f"shape={tuple(shape)} is not three numbers (R, A, S) of at least 8 voxels")
    if workers is not None and workers < 1:
        raise UserError(f"workers={workers}: give 1 or more")


def _is_complete(datalist: Path, name: str, overwrite: bool) -> bool:
    """Say whether the data set that lies there is the one asked for; refuse to replace any other."""
    if not datalist.exists():
        return False
    try:
        found = read_json(datalist).get("name")
    except (UserError, AttributeError):
        found = None
    if found != name and not overwrite:
        raise UserError(
            f"{datalist}: made with other settings ({found!r}, not {name!r}); "
            f"choose an empty --output_dir, or give --overwrite to replace it"
        )
    return found == name and not overwrite


def _roster(count: int, seed: int, num_classes: int = 3) -> Iterator[tuple[str, tuple[int, int], int, int]]:
    """Name every scan: file name, patient's seed, label, visit; classes as equal as the count allows."""
    second = min(int(count * SECOND_VISITS), count - PATIENTS_A_CLASS * num_classes)
    patients = count - second
    random = np.random.default_rng([seed, 0])
    labels = random.permutation(np.arange(patients) % num_classes)
    twice = set()
    for k, label in enumerate(random.permutation(num_classes)):
        members = random.permutation(np.flatnonzero(labels == label))
        twice.update(members[: (second + num_classes - 1 - k) // num_classes].tolist())
    for patient in range(patients):
        for visit in range(2 if patient in twice else 1):
            yield f"patient_{patient:04d}_{visit}", (seed, patient + 1), int(labels[patient]), visit


def _written(orders: list[_Order], workers: int | None) -> Iterator[dict[str, Any]]:
    workers = min(workers or cpu_count(), len(orders))
    if workers == 1:
        yield from map(_write_scan, orders)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_write_scan, orders)


def _write_scan(order: _Order) -> dict[str, Any]:
    """Draw and write one scan; return its datalist item."""
    draws = order.task.draws[order.label]
    disease, severity = draws[order.seed[-1] % len(draws)]
    population = replace(order.population, severities=(severity,)) if severity else order.population
    phantom = draw_phantom(order.seed, disease, order.shape, visit=order.visit, population=population)
    paths = {kind: f"{kind}/{order.name}.nii.gz" for kind in ("images", "lobes", "lesions")}
    for path, volume in zip(
        paths.values(), (phantom.hounsfield, phantom.lobes, phantom.lesions), strict=True
    ):
        image = nib.Nifti1Image(volume, phantom.affine)
        image.header.set_xyzt_units("mm")
        write_nifti(order.folder / path, image)
    return {
        "image": paths["images"],
        "label": order.label,
        "patient": order.name[:-2],
        "lobes": paths["lobes"],
        "lesions": paths["lesions"],
        "source": "phantom",
        "severity": phantom.severity,
        "lesion_share": round(phantom.lesion_share, 4),
        "sex": phantom.sex,
        "age": phantom.age,
    }


def _write_datalist(
    path: Path, name: str, items: list[dict[str, Any]], classes: Sequence[str] = CLASSES
) -> None:
    """Split by patient as finely as the smallest class allows."""
    patients = {item["patient"]: item["label"] for item in items}
    fewest = min(Counter(patients.values()).values())
    share = max(HELD_OUT, 1 / fewest)
    held_out = -(-fewest // round(1 / share))
    folds = min(MOST_FOLDS, fewest - 2 * held_out)
    rest, test = _part(items, round(1 / share))
    rest, validation = _part(rest, round((1 - share) / share))
    lists = split_items(rest, SplitPlan(validation=0, test=0, folds=folds))
    content = {"name": name, "classes": list(classes), **lists, "validation": validation, "test": test}
    write_json(path, content, indent=1)


def _part(items: list[dict[str, Any]], parts: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return all items but one of several parts, and that one; patients stay together, classes even."""
    labels, patients = ([item[key] for item in items] for key in ("label", "patient"))
    splitter = StratifiedGroupKFold(max(2, parts), shuffle=True, random_state=0)
    kept, taken = next(splitter.split(labels, labels, patients))
    return [items[i] for i in kept], [items[i] for i in taken]
