"""Faults planted in voxels at several rates: `pytest -m slow -s` with this file prints what was found.

The checks' thresholds were chosen on the first data set; the other two were drawn afterwards.
"""

import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
from audited import load, mask_body, phantom_items, save, write_datalist

from scripts.audit import audit_datalist
from scripts.phantoms import POPULATIONS, write_data_set

pytestmark = pytest.mark.slow
COUNT = 60
ADULTS = POPULATIONS["adults"]
OTHERS = replace(POPULATIONS["shifted"], field=(440, 500))  # mm: narrower ones cut some of their wide chests
DATA_SETS = {  # seed, voxels, population
    "chosen on": (5, (64, 64, 48), ADULTS),
    "another seed": (902, (72, 64, 40), ADULTS),
    "another population": (903, (80, 72, 56), OTHERS),
}


def order_of(length, start, stop):
    return [*range(start), *range(stop - 1, start - 1, -1), *range(stop, length)]


def along(affine):
    """Return the array axis that runs up the patient."""
    return int(np.abs(affine[2, :3]).argmax())


def taken(order):
    """Return a fault that puts slices in another order."""

    def plant(item, folder, target):
        voxels, affine = load(item["image"])
        axis = along(affine)
        return save(np.take(voxels, order(voxels.shape[axis]), axis), affine, target)

    return plant


def changed(change):
    """Return a fault that changes the voxels."""

    def plant(item, folder, target):
        voxels, affine = load(item["image"])
        return save(change(voxels), affine, target)

    return plant


def junk(item, folder, target):
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"no scan at all")
    return target


FAULTS = {  # name: (how it is planted, the checks that name it)
    "two slices repeated": (taken(lambda n: sorted([*range(n), 9, 30])), ("slices",)),
    "a run of slices reversed": (taken(lambda n: order_of(n, 14, 34)), ("slices",)),
    "upside down": (taken(lambda n: range(n - 1, -1, -1)), ("slices",)),
    "offset of 1024": (changed(lambda v: v + 1024), ("intensity", "field_of_view")),
    "a mask under a scan's name": (changed(lambda v: (v > -300).astype(np.int16)), ("intensity",)),
    "constant": (changed(lambda v: np.zeros_like(v)), ("intensity",)),
    "ends amid the lungs": (taken(lambda n: range(n // 2)), ("field_of_view",)),
    "unreadable": (junk, ("readable",)),
    "body masked": (
        lambda item, folder, target: mask_body(item["image"], folder / item["lobes"], target),
        ("intensity",),
    ),
}
COPIES = {
    "copied": (taken(range), "identical_scans"),
    "copied, cropped by a slice": (taken(lambda n: range(n - 1)), "near_identical_scans"),
    "copied, on another scale": (
        changed(lambda v: (v * 0.5 + 100).astype(np.float32)),
        "near_identical_scans",
    ),
}


@pytest.fixture(scope="module", params=DATA_SETS)
def clean(request, tmp_path_factory):
    """Sixty phantoms, and the store of their measurements."""
    seed, shape, population = DATA_SETS[request.param]
    folder = tmp_path_factory.mktemp("clean")
    datalist = write_data_set(folder, COUNT, seed, shape=shape, workers=1, population=population)
    audit = audit_datalist(datalist, workers=1, store=folder / "audit.sqlite")
    print(*(f"\n{finding.status} {finding.check}: {finding.summary}" for finding in audit.findings))
    return folder, audit


def audit_of(items, folder, tmp_path):
    shutil.copy(folder / "audit.sqlite", tmp_path / "audit.sqlite")
    return audit_datalist(write_datalist(tmp_path, items), workers=1, store=tmp_path / "audit.sqlite")


def test_sixty_clean_phantoms_raise_no_alarm(clean):
    assert clean[1].verdict == "passed"


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found_and_no_clean_scan_accused(fault, count, clean, tmp_path):
    folder, _ = clean
    plant, checks = FAULTS[fault]
    items = phantom_items(folder)
    for k in random.Random(count).sample(range(COUNT), count):
        target = tmp_path / "planted" / f"{k:02d}.nii.gz"
        items[k]["image"] = str(plant(items[k], folder, target))
    findings = [f for f in audit_of(items, folder, tmp_path).findings if f.check in checks]
    accused = {line.partition(".nii.gz")[0] for finding in findings for line in finding.lines}
    expected = {item["image"].removesuffix(".nii.gz") for item in items if "/planted/" in item["image"]}
    print(f"{fault}: {len(accused & expected)} of {count} found, {len(accused - expected)} others accused")
    assert "failed" in {finding.status for finding in findings} and accused == expected


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("fault", COPIES)
def test_every_planted_copy_is_found_and_no_two_clean_scans_accused(fault, count, clean, tmp_path):
    folder, _ = clean
    plant, check = COPIES[fault]
    items = [{**item, "fold": k % 5} for k, item in enumerate(phantom_items(folder))]
    items = [
        {**item, "patient": f"visit {k}"}
        for k, item in enumerate(items)
        if item["image"].endswith("_0.nii.gz")
    ]
    for k in random.Random(count).sample(range(len(items)), count):
        target = tmp_path / "planted" / f"{k:02d}.nii.gz"
        copy = str(plant(items[k], folder, target))
        items.append(
            {**items[k], "image": copy, "patient": f"stranger {k}", "fold": (items[k]["fold"] + 1) % 5}
        )
    finding = next(f for f in audit_of(items, folder, tmp_path).findings if f.check == check)
    print(f"{fault}: {finding.numbers}")
    assert finding.hard and finding.numbers["two_patients"] == finding.numbers["over_split"] == count
    assert all("/planted/" in line for line in finding.lines)
