import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.scans import RefusedScan, scan_items
from scripts.transforms import LungRegion, ScanDataset, preprocessing

pytestmark = pytest.mark.real
SHAPE = (40, 32, 36)
GOOD = [
    "covid_ct_md/derived/P002_1.8x1.8x3mm.nii.gz",
    "covid_ct_md/derived/cap002_1.8x1.8x3mm.nii.gz",
    "covid_ct_md/derived/normal002_1.8x1.8x3mm.nii.gz",
    "covid_ct_md/dicom_every5th/COVID-19 subjects/P002",
    "covid_ct_md/dicom_every5th/Cap subjects/cap002",
    "covid_ct_md/dicom_every5th/Normal subjects/normal002",
    "lidc/derived/LIDC-IDRI-0001_1.8x1.8x3mm.nii.gz",
    "lung_pet_ct_dx/derived/Lung_Dx-A0001_L_1.8x1.8x3mm.nii.gz",
    "lung_pet_ct_dx/derived/Lung_Dx-A0002_B40f_1.8x1.8x3mm.nii.gz",
    "lung_pet_ct_dx/derived/Lung_Dx-A0002_B70f_1.8x1.8x3mm.nii.gz",
    "cip_ct64/ct-64.nrrd",
    "cip_ct64/ct-64Dicom",
    "cip_ct64/cip_TestInput.nrrd",
]
REFUSED = {
    "mask_saved_as_ct": "mask",
    "jpg_slices": "not_hounsfield",
    "small_crops": "too_few_slices",
    "small_crops/ctfm_s0335.nii.gz": "partial_thorax",
    "small_crops/totalseg_pulmonary_ct_cropped.nii.gz": "partial_thorax",
    "elastix_half_lung/3DCT_lung_baseline.mha": "partial_thorax",
    "elastix_half_lung/3DCT_lung_baseline_small.mha": "partial_thorax",
    "cip_ct64/wholeLung-64.nrrd": "mask",
    **{f"medseg_covid/derived/DCM{n}_img_0-4095.nii.gz": "not_hounsfield" for n in (1, 2, 4, 7, 8)},
    **{f"medseg_covid/derived/DCM{n}_infection.nii.gz": "mask" for n in (1, 2, 4, 7, 8)},
}


def item(folder, name, margin=10.0):
    scans = scan_items([folder / name])
    return ScanDataset(scans, preprocessing(LungRegion(margin), SHAPE))[0]


def size(grid):
    return (grid.affine[:3, :3].norm(dim=0) * torch.tensor(SHAPE)).numpy()


@pytest.mark.parametrize("name", GOOD)
def test_a_chest_ct_gets_a_box_of_a_chests_size(real_scans, name):
    grid = item(real_scans, name)["image"]
    width, depth, height = size(grid)
    assert 230 < width < 350
    assert 170 < depth < 270
    assert 200 < height < 370
    assert 0.4 < float(grid.mean()) < 0.75


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_what_is_no_whole_chest_in_hounsfield_units_is_refused(real_scans, name, code):
    with pytest.raises(RefusedScan) as caught:
        item(real_scans, name)
    assert caught.value.code == code


def test_the_box_holds_the_lungs_that_others_drew(real_scans):
    grid = item(real_scans, "cip_ct64/ct-64.nrrd", margin=0.0)["image"]
    sitk = pytest.importorskip("SimpleITK")
    mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(real_scans / "cip_ct64/wholeLung-64.nrrd"))).T[::-1, ::-1]
        > 0
    )
    voxels = np.argwhere(mask)
    low, high = grid.meta["box_low"].numpy(), grid.meta["box_high"].numpy()
    inside = ((voxels > low - 0.5) & (voxels < high + 0.5)).all(1)
    assert inside.mean() > 0.999
    assert np.abs(high - low - (voxels.max(0) - voxels.min(0) + 1)).max() < 2.5  # voxels of 4 mm


def test_the_kernel_hardly_moves_the_grid(real_scans):
    soft, sharp = (
        item(real_scans, f"lung_pet_ct_dx/derived/Lung_Dx-A0002_{kernel}_1.8x1.8x3mm.nii.gz")["image"]
        for kernel in ("B40f", "B70f")
    )
    assert np.abs(size(soft) - size(sharp)).max() < 1  # mm
    assert float((soft - sharp).abs().mean()) < 0.01


def test_dicom_and_nrrd_of_one_scan_give_one_grid(real_scans):
    dicom, nrrd = (item(real_scans, f"cip_ct64/{name}")["image"] for name in ("ct-64Dicom", "ct-64.nrrd"))
    torch.testing.assert_close(dicom.as_tensor(), nrrd.as_tensor(), atol=1e-3, rtol=0)
    torch.testing.assert_close(dicom.affine, nrrd.affine, atol=1e-2, rtol=0)


def test_every_fifth_slice_finds_nearly_the_same_box(real_scans):
    thin, thick = (item(real_scans, name)["image"] for name in (GOOD[1], GOOD[4]))
    difference = np.abs(size(thin) - size(thick))
    assert difference[:2].max() < 2  # mm
    assert difference[2] < 10  # mm: the distance of the slices


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("jpg_slices", {}),
        *(
            (f"medseg_covid/derived/DCM{n}_img_0-4095.nii.gz", {"grey_range": [0, 4095]})
            for n in (2, 4, 7, 8)
        ),
        ("medseg_covid/derived/DCM1_img_0-4095.nii.gz", {"grey_range": [0, 4095], "orientation": "LPI"}),
    ],
)
def test_declared_grey_levels_of_real_chests_are_answered_and_flagged(real_scans, name, fields):
    declared = {"intensity": "windowed", "window": [-500, 1500], **fields}
    scans = [{"image": str(real_scans / name), **declared}]
    grid = ScanDataset(scans, preprocessing(LungRegion(), SHAPE))[0]["image"]
    assert "windowed" in grid.meta["flags"].split()
    assert ("spacing_assumed" in grid.meta["flags"]) == (name == "jpg_slices")
    assert 0.3 < float(grid.mean()) < 0.8


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("", lambda files: None),
        ("missing_slices", lambda files: [file.unlink() for file in files[30:35]]),
        ("missing_slices", lambda files: files[40].write_bytes(bytes(500) + files[40].read_bytes()[500:])),
        ("duplicate_slices", lambda files: shutil.copy(files[9], files[9].with_name("again.dcm"))),
        ("partial_thorax", lambda files: [file.unlink() for file in files[:45]]),
        ("unreadable", lambda files: files[50].write_bytes(files[50].read_bytes()[:2000])),
        ("too_few_slices", lambda files: [file.unlink() for file in files[5:]]),
    ],
)
def test_a_real_series_that_was_damaged_is_refused_by_its_reason(real_scans, tmp_path, code, change):
    folder = Path(shutil.copytree(real_scans / "cip_ct64/ct-64Dicom", tmp_path / "series"))
    for file in folder.iterdir():
        file.chmod(0o644)
    change(sorted(folder.iterdir()))
    scans = [{"image": str(folder)}, {"image": str(real_scans / "cip_ct64/ct-64.nrrd")}]
    dataset = ScanDataset(scans, preprocessing(LungRegion(), SHAPE), keep_refused=True)
    assert [dataset[k]["refusal"]["code"] for k in (0, 1)] == [code, ""]
