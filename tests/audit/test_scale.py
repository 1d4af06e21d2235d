"""Time and memory of large datalists: `pytest -m slow -s tests/audit/test_scale.py` prints them."""

import resource
import time

import nibabel
import numpy as np
import pytest
from feature_tables import cohort

from scripts.audit import audit_datalist
from scripts.audit.likeness import GRID, VARIANTS, alike_pairs
from scripts.audit.shortcuts import check_associations, check_probe
from scripts.datalists import Request, build_datalist

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def clock(request):
    start = time.monotonic()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{request.node.name}: {time.monotonic() - start:.0f} s, process peak so far {peak:.0f} MB")


def test_four_thousand_signatures_compared_in_minutes():
    random = np.random.default_rng(0)
    found = random.integers(-127, 128, (4000, VARIANTS, *GRID), dtype=np.int8)
    found[3999, 0] = found[7, 2][::-1]
    assert [(i, j) for i, j, _ in alike_pairs(found, 0.85)] == [(7, 3999)]


def test_tables_and_probe_of_four_thousand_scans():
    table, labels, patients = cohort(4000, seed=0, features=30)
    assert check_associations(table, labels, patients, ("a", "b", "c")).status == "passed"
    assert check_probe(table, labels, patients).status == "passed"


def test_ten_thousand_rows_build_and_audit_their_headers(tmp_path):
    voxels = np.zeros((4, 5, 6), dtype=np.int16)
    lines = ["path,label,patient,age"]
    random = np.random.default_rng(0)
    for k in range(10_000):
        affine = np.diag([0.7, 0.7, random.choice([1.25, 2.5, 5.0]), 1])
        nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / f"{k}.nii")
        lines.append(f"{k}.nii,{random.integers(3) if k % 2 == 0 else lines[-1].split(',')[1]},p{k // 2},40")
    (tmp_path / "scans.csv").write_text("\n".join(lines) + "\n")
    start = time.monotonic()
    datalist = tmp_path / "datalist.json"
    build_datalist("table", Request(tmp_path, tmp_path / "scans.csv"), datalist)
    built = time.monotonic()
    audit = audit_datalist(datalist, headers_only=True, store=tmp_path / "audit.sqlite")
    print(f"\nbuild {built - start:.0f} s, first audit {time.monotonic() - built:.0f} s", end="")
    again = time.monotonic()
    assert audit_datalist(datalist, headers_only=True, store=tmp_path / "audit.sqlite") == audit
    print(f", second audit {time.monotonic() - again:.0f} s")
    assert audit.scans == 10_000 and audit.hard_errors == []
