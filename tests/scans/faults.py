"""A good scan of every format, and ways to spoil one; the tables of `bad_*.py` are written with them."""

import numpy as np
from scan_writers import write_nifti, write_pictures, write_series
from toy_chest import chest

ARRAY, AFFINE = chest((6.0, 5.4, 8.0))
COUNT = ARRAY.shape[2]
WINDOW = {"intensity": "windowed", "window": [-500, 1500]}
GREY = np.round(np.clip((ARRAY + 1250) / 1500, 0, 1) * 4095).astype(np.int16)


def nifti(folder, array=ARRAY, affine=AFFINE, name="scan.nii.gz", **options):
    return write_nifti(folder / name, array, affine, **options)


def series(folder, array=ARRAY, affine=AFFINE, **tags):
    return write_series(folder / "series", array, affine, **tags)


def pictures(folder, array=ARRAY, **options):
    return write_pictures(folder / "slices", array, **options)


def damaged(path, start, count=40):
    """Flip all bits of some bytes; a negative start counts from the end."""
    content = bytearray(path.read_bytes())
    start %= len(content)
    content[start : start + count] = bytes(255 - byte for byte in content[start : start + count])
    path.write_bytes(content)
    return path


def cut(path, share=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def text(folder, name):
    (folder / name).write_text("this is no scan\n" * 50)
    return folder / name


def also(path, *others):
    """Return the first, once the others are written beside it."""
    return path


def link(path, target):
    path.symlink_to(target)
    return path
