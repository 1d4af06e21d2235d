"""Volumes in NIfTI that are no chest CT in HU."""

import nibabel
import numpy as np
from faults import AFFINE, ARRAY, COUNT, GREY, nifti
from toy_chest import chest


def with_header(folder, **fields):
    image = nibabel.Nifti1Image(ARRAY, AFFINE)
    nibabel.save(image, folder / "a.nii")
    raw = nibabel.Nifti1Header(binaryblock=(folder / "a.nii").read_bytes()[:348], check=False)
    for field, value in {"sform_code": 0, "qform_code": 0, **fields}.items():
        raw[field] = value
    (folder / "a.nii").write_bytes(raw.binaryblock + (folder / "a.nii").read_bytes()[348:])
    return folder / "a.nii"


def with_sform(folder, affine):
    image = nibabel.Nifti1Image(ARRAY, None)
    image.header.set_sform(affine, code=1)
    nibabel.save(image, folder / "a.nii")
    return folder / "a.nii"


def cube(size=20, value=0):
    return np.full((size, size, size + 1), value, np.int16)


def with_corners(value):
    """Fill what lies outside a round field of view, as scanners do."""
    right, front = (np.linspace(-1, 1, size)[:, None] for size in ARRAY.shape[:2])
    return np.where((right**2 + front.T**2 > 1)[..., None], np.int16(value), ARRAY)


VOLUMES = {
    "a good nifti": ("", lambda f: nifti(f)),
    "four dimensions": ("not_three_dimensional", lambda f: nifti(f, np.stack([ARRAY, ARRAY], 3))),
    "a fourth axis of one": ("", lambda f: nifti(f, ARRAY[..., None])),
    "two dimensions": ("not_three_dimensional", lambda f: nifti(f, ARRAY[:, :, 9])),
    "one slice": ("too_few_slices", lambda f: nifti(f, ARRAY[:, :, 9:10])),
    "seven slices": ("too_few_slices", lambda f: nifti(f, ARRAY[:, :, 9:16])),
    "a singular affine": ("bad_geometry", lambda f: with_sform(f, np.diag([6.0, 5.4, 0, 1]))),
    "two equal axes": ("bad_geometry", lambda f: with_sform(f, AFFINE[:, [0, 0, 2, 3]])),
    "an affine of nan": ("bad_geometry", lambda f: with_sform(f, AFFINE * [[1], [np.nan], [1], [1]])),
    "spacing in metres": ("bad_geometry", lambda f: with_sform(f, np.diag([0.006, 0.0054, 0.008, 1]))),
    "spacing of 100 mm": ("bad_geometry", lambda f: with_sform(f, np.diag([6.0, 5.4, 100.0, 1]))),
    "no spacing": ("bad_geometry", lambda f: with_header(f, pixdim=np.zeros(8))),
    "negative spacing": ("bad_geometry", lambda f: with_header(f, pixdim=[1, -6, 5.4, 8, 1, 1, 1, 1])),
    "no orientation": ("", lambda f: with_header(f)),
    "a flipped affine": ("", lambda f: nifti(f, ARRAY[::-1], AFFINE @ np.diag([-1, 1, 1, 1]))),
    "a header of 32767 cubed": ("too_large", lambda f: with_header(f, dim=[3, *[32767] * 3, 1, 1, 1, 1])),
    "colours": ("not_hounsfield", lambda f: nifti(f, np.zeros((9, 9, 10), [(c, "u1") for c in "RGB"]))),
    "complex numbers": ("not_hounsfield", lambda f: nifti(f, ARRAY.astype(np.complex64))),
    "one nan": (
        "non_finite",
        lambda f: nifti(f, np.where(np.arange(ARRAY.size).reshape(ARRAY.shape) == 7, np.nan, ARRAY)),
    ),
    "all infinite": ("non_finite", lambda f: nifti(f, np.full(ARRAY.shape, np.inf))),
    "constant": ("constant", lambda f: nifti(f, cube())),
    "a mask": ("mask", lambda f: nifti(f, (ARRAY < -500).astype(np.uint8) * 2)),
    "a window to 255": ("not_hounsfield", lambda f: nifti(f, (GREY / 16).astype(np.uint8))),
    "a window to 4095": ("not_hounsfield", lambda f: nifti(f, GREY)),
    "no intercept": ("not_hounsfield", lambda f: nifti(f, ARRAY + np.int16(1024))),
    "the intercept twice": ("not_hounsfield", lambda f: nifti(f, ARRAY - np.int16(1024))),
    "unsigned overflow": ("not_hounsfield", lambda f: nifti(f, ARRAY.astype(np.uint16))),
    "signed overflow": (
        "not_hounsfield",
        lambda f: nifti(f, (ARRAY.astype(np.int32) * 100).astype(np.int16)),
    ),
    "a slope of 0": ("", lambda f: nifti(f, slope=(1, 0))),
    "a slope too large by a quarter": ("not_hounsfield", lambda f: nifti(f, (ARRAY * 1.25).astype(np.int16))),
    "a slope twice too large": ("not_hounsfield", lambda f: nifti(f, ARRAY * np.int16(2))),
    "a slope twice too small": ("not_hounsfield", lambda f: nifti(f, ARRAY // 2)),
    "corners filled with -2000": ("", lambda f: nifti(f, with_corners(-2000))),
    "corners filled with -1200": ("", lambda f: nifti(f, with_corners(-1200))),
    "numbers beyond single precision": ("non_finite", lambda f: nifti(f, ARRAY * 1e300)),
    "thousandths": ("not_hounsfield", lambda f: nifti(f, ARRAY / 1000)),
    "a head": ("no_lungs", lambda f: nifti(f, *chest((6.0, 5.4, 8.0), lungs=False))),
    "an abdomen": ("no_lungs", lambda f: nifti(f, *chest((6.0, 5.4, 8.0), lungs=False, bubble=True))),
    "a crop inside the body": ("partial_thorax", lambda f: nifti(f, *chest((4.0, 3.4, 5.0), (120, 90, 120)))),
    "the upper half": ("partial_thorax", lambda f: nifti(f, ARRAY[:, :, COUNT // 2 :])),
    "the lower half": ("partial_thorax", lambda f: nifti(f, ARRAY[:, :, : COUNT // 2])),
    "one side": ("partial_thorax", lambda f: nifti(f, ARRAY[: len(ARRAY) // 2])),
    "noise": (
        "not_hounsfield",
        lambda f: nifti(f, np.random.default_rng(0).integers(500, 900, ARRAY.shape, np.int16)),
    ),
}
