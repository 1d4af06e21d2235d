"""Slices saved as pictures, and what is declared of them."""

import struct
import zlib

import numpy as np
from faults import ARRAY, GREY, WINDOW, also, cut, nifti, pictures, text
from PIL import Image
from scan_writers import write_pictures


def vast_picture(folder):
    """Let a tiny PNG claim 60,000 x 60,000 pixels."""
    path = sorted(folder.iterdir())[0]
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)
    return folder


def deep_picture(path):
    Image.fromarray(np.arange(3000, dtype=np.uint16).reshape(50, 60)).save(path)


def tiff(path, sizes):
    """Write pages of noise of the given rows and columns."""
    noise = np.random.default_rng(0)
    first, *others = [Image.fromarray(noise.integers(0, 4000, size, np.uint16)) for size in sizes]
    first.save(path, save_all=True, append_images=others)
    return path


PICTURES = {
    "undeclared slices": ("not_hounsfield", pictures),
    "declared slices": ("", lambda f: {"image": pictures(f), **WINDOW}),
    "declared jpg": ("", lambda f: {"image": pictures(f, ending="jpg"), **WINDOW}),
    "a narrow window": (
        "window_too_narrow",
        lambda f: {"image": pictures(f), "intensity": "windowed", "window": [40, 400]},
    ),
    "an unknown intensity": ("bad_declaration", lambda f: {"image": pictures(f), "intensity": "grey"}),
    "no window": ("bad_declaration", lambda f: {"image": pictures(f), "intensity": "windowed"}),
    "a window of HU": ("bad_declaration", lambda f: {"image": nifti(f), "window": [-500, 1500]}),
    "a window of no width": (
        "bad_declaration",
        lambda f: {"image": pictures(f), **WINDOW, "window": [-500, 0]},
    ),
    "a spacing of two": ("bad_declaration", lambda f: {"image": pictures(f), **WINDOW, "spacing": [1, 1]}),
    "an orientation of two axes": (
        "bad_declaration",
        lambda f: {"image": pictures(f), **WINDOW, "orientation": "LRS"},
    ),
    "slices that are not there": (
        "bad_declaration",
        lambda f: {"image": pictures(f), **WINDOW, "slices": ["1.png", "x.png"]},
    ),
    "HU declared as a window": (
        "bad_declaration",
        lambda f: {"image": nifti(f), **WINDOW, "grey_range": [0, 4095]},
    ),
    "no grey range": ("bad_declaration", lambda f: {"image": nifti(f, GREY), **WINDOW}),
    "a declared grey range": ("", lambda f: {"image": nifti(f, GREY), **WINDOW, "grey_range": [0, 4095]}),
    "coloured slices": (
        "not_ct",
        lambda f: {"image": pictures(f, np.where(ARRAY > 0, 200, ARRAY), tint=True), **WINDOW},
    ),
    "a picture twice": (
        "duplicate_slices",
        lambda f: {
            "image": also(pictures(f), (f / "slices/99.png").write_bytes((f / "slices/9.png").read_bytes())),
            **WINDOW,
        },
    ),
    "pictures of two sizes": (
        "several_orientations",
        lambda f: {"image": also(pictures(f), write_pictures(f / "slices", ARRAY[1:], first=90)), **WINDOW},
    ),
    "pictures of 8 and of 16 bits": (
        "several_orientations",
        lambda f: {"image": also(pictures(f), deep_picture(f / "slices" / "99.png")), **WINDOW},
    ),
    "a TIFF of pages of two sizes": (
        "several_orientations",
        lambda f: {"image": tiff(f / "a.tif", [(60, 50)] * 6 + [(50, 50)] * 6), **WINDOW},
    ),
    "TIFFs of two sizes": (
        "several_orientations",
        lambda f: {
            "image": also(f, *(tiff(f / f"{n}.tif", [(60, 50 - n % 2)]) for n in range(12))),
            **WINDOW,
        },
    ),
    "half a TIFF": ("unreadable", lambda f: {"image": cut(tiff(f / "a.tif", [(60, 50)] * 12)), **WINDOW}),
    "half a picture": (
        "unreadable",
        lambda f: {"image": also(pictures(f), cut(f / "slices/9.png")), **WINDOW},
    ),
    "text called png": (
        "unreadable",
        lambda f: {"image": also(pictures(f), text(f / "slices", "50.png")), **WINDOW},
    ),
    "a picture of 60,000 squared": ("too_large", lambda f: {"image": vast_picture(pictures(f)), **WINDOW}),
    "one picture": ("not_hounsfield", lambda f: pictures(f, ARRAY[:, :, :1]) / "1.png"),
    "three pictures": ("too_few_slices", lambda f: {"image": pictures(f, ARRAY[:, :, 9:12]), **WINDOW}),
}
