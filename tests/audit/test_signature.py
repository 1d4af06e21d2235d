import numpy as np
import pytest
from audited import load, phantom_items

from scripts.audit.likeness import ALIKE, alike_pairs, content_hash, signature
from scripts.scans import Scan

COPIES = {
    "flipped on disk": lambda v, a: (v[::-1], a @ np.array([[-1, 0, 0, len(v) - 1], *np.eye(4)[1:]])),
    "transposed on disk": lambda v, a: (v.transpose(2, 0, 1), a[:, [2, 0, 1, 3]]),
    "offset of 1024": lambda v, a: (v + 1024, a),
    "slope and offset": lambda v, a: ((v + 1024) / 2.0, a),
    "8 bits of a window": lambda v, a: (np.clip((v + 1250) / 1500 * 255, 0, 255).astype(np.int16), a),
    "spacing lost": lambda v, a: (v, np.sign(a) @ np.eye(4)),
    "left and right exchanged": lambda v, a: (v[::-1], a),
    "upside down": lambda v, a: (v[:, :, ::-1], a),
    "cropped by its last slice": lambda v, a: (v[:, :, :-1], a),
    "cropped by its first slice": lambda v, a: (v[:, :, 1:], a),
    "noise added": lambda v, a: (v + np.random.default_rng(0).normal(0, 20, v.shape).astype(np.int16), a),
}


@pytest.fixture(scope="module")
def scans(phantoms):
    return [Scan.from_array(*load(item["image"])) for item in phantom_items(phantoms)]


def likeness(a, b):
    [(_, _, value)] = alike_pairs(np.stack([signature(a), signature(b)]), -1)
    return value


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_is_recognised_in_spite_of(change, scans):
    for scan in scans[::3]:
        copy = Scan.from_array(*COPIES[change](scan.voxels.copy(), scan.affine))
        assert likeness(scan, copy) > ALIKE, change


def test_no_two_phantoms_are_alike_but_some_second_visits(scans, phantoms):
    patients = [item["patient"] for item in phantom_items(phantoms)]
    pairs = alike_pairs(np.stack([signature(scan) for scan in scans]), ALIKE)
    assert [(i, j) for i, j, _ in pairs if patients[i] != patients[j]] == []


def test_the_content_hash_survives_another_order_on_disk_and_nothing_else(scans):
    scan = scans[0]
    turned = Scan.from_array(*COPIES["flipped on disk"](scan.voxels.copy(), scan.affine))
    wider = Scan(scan.voxels.astype(np.int32), scan.affine)
    changed = scan.voxels.copy()
    changed[10, 20, 30] += 1
    assert content_hash(scan) == content_hash(turned) == content_hash(wider)
    assert content_hash(scan) != content_hash(Scan(changed, scan.affine))


@pytest.mark.slow
@pytest.mark.real
def test_strangers_stay_below_and_copies_above_the_threshold_in_real_chests(real_scans, scans):
    """Seven series of six patients: one acquisition is there in two kernels."""
    names = sorted(real_scans.glob("*/derived/*_1.8x1.8x3mm.nii.gz"))
    chests = [Scan.from_array(*load(path)) for path in names]
    pairs = alike_pairs(np.stack([signature(chest) for chest in chests]), -1)
    kernels = {k for k, path in enumerate(names) if "A0002" in path.name}
    strangers = max(value for i, j, value in pairs if {i, j} != kernels)
    print(f"\n{len(chests)} real series: strangers at most {strangers:.3f}")
    for change, copy in COPIES.items():
        found = [likeness(c, Scan.from_array(*copy(c.voxels.copy(), c.affine))) for c in (*chests, *scans)]
        print(
            f"{change}: at least {min(found[: len(chests)]):.3f} real, "
            f"{min(found[len(chests) :]):.3f} phantoms"
        )
        assert min(found) > ALIKE
    assert len(chests) == 7 and strangers < ALIKE - 0.2
