"""Files, folders, zips and names that are no scans, or hide one."""

import bz2
import gzip
import os
import shutil
import struct
import zipfile
from pathlib import Path

import nibabel
import numpy as np
from faults import AFFINE, ARRAY, WINDOW, also, cut, damaged, link, nifti, pictures, series, text
from scan_writers import write_itk, write_zip


def zipped(folder, members):
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "a.zip"


def locked(path):
    """Mark every member of a zip as encrypted."""
    content = path.read_bytes().replace(b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0")
    path.write_bytes(content.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"))
    return path


def renamed(path, name):
    return path.rename(path.with_name(name))


def made(path, make):
    make(path)
    return path


def replaced(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def saved(folder, array=ARRAY):
    np.save(folder / "a.npy", array, allow_pickle=True)
    return folder / "a.npy"


def npy(folder, kind, shape):
    """Write an array's voxels behind a header that says what it is told to."""
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
    (folder / "a.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + ARRAY.tobytes())
    return {"image": folder / "a.npy", "spacing": [6.0, 5.4, 8.0], "orientation": "RAS"}


def pair(folder):
    nibabel.save(nibabel.Nifti1Pair(ARRAY, AFFINE), folder / "a.img")
    return folder / "a.hdr"


def with_start(folder, offset):
    """Let a NIfTI say where its voxels begin."""
    path = nifti(folder, name="a.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 108, offset)
    path.write_bytes(content)
    return path


def packed_again(path):
    path.write_bytes(gzip.compress(path.read_bytes()))
    return path


FILES = {
    "no such file": ("not_found", lambda f: f / "none.nii.gz"),
    "an empty file": ("empty_file", lambda f: made(f / "a.nii", Path.touch)),
    "an empty gz": ("empty_file", lambda f: made(f / "a.nii.gz", Path.touch)),
    "text called nii": ("unreadable", lambda f: text(f, "a.nii")),
    "text called nii.gz": ("unreadable", lambda f: text(f, "a.nii.gz")),
    "text called mha": ("unreadable", lambda f: text(f, "a.mha")),
    "text called nrrd": ("unreadable", lambda f: text(f, "a.nrrd")),
    "a text file": ("unsupported", lambda f: text(f, "notes.txt")),
    "a pipe": ("unsupported", lambda f: made(f / "a.nii", os.mkfifo)),
    "a folder called nii": ("not_found", lambda f: made(f / "a.nii", Path.mkdir)),
    "an empty folder": ("not_found", lambda f: made(f / "a", Path.mkdir)),
    "a folder of junk": ("not_found", lambda f: also(f, text(f, "a.txt"), text(f, "b"), text(f, ".c"))),
    "a link to itself": ("not_found", lambda f: link(f / "a.nii", f / "a.nii")),
    "a dead link": ("not_found", lambda f: link(f / "a.nii", f / "b.nii")),
    "half a gz": ("unreadable", lambda f: cut(nifti(f))),
    "half a nii": ("unreadable", lambda f: cut(nifti(f, name="a.nii"))),
    "half a nifti header": ("unreadable", lambda f: cut(nifti(f, name="a.nii"), 0.0005)),
    "a gz of half a header": (
        "unreadable",
        lambda f: made(f / "a.nii.gz", lambda path: path.write_bytes(gzip.compress(bytes(99)))),
    ),
    "flipped bytes in a gz": ("unreadable", lambda f: damaged(nifti(f), 20_000)),
    "flipped bytes in a checksum": ("unreadable", lambda f: damaged(nifti(f), -8, 4)),
    "flipped nifti size": ("", lambda f: damaged(nifti(f, name="a.nii"), 0, 4)),
    "flipped nifti type": ("unreadable", lambda f: damaged(nifti(f, name="a.nii"), 70, 2)),
    "half an mha": ("unreadable", lambda f: cut(write_itk(f / "a.mha", ARRAY, AFFINE))),
    "half an nrrd": ("unreadable", lambda f: cut(write_itk(f / "a.nrrd", ARRAY, AFFINE))),
    "an mhd without raw": (
        "unreadable",
        lambda f: also(write_itk(f / "a.mhd", ARRAY, AFFINE), (f / "a.raw").unlink()),
    ),
}
ZIPS = {
    "a zip of DICOM": ("", lambda f: write_zip(f / "a.zip", series(f))),
    "a zip of pictures": (
        "",
        lambda f: {"image": f"{write_zip(f / 'a.zip', pictures(f))}::CP/1/2", **WINDOW},
    ),
    "a zip of undeclared pictures": ("not_hounsfield", lambda f: write_zip(f / "a.zip", pictures(f))),
    "a folder that the zip lacks": ("not_found", lambda f: f"{write_zip(f / 'a.zip', pictures(f))}::CP/9"),
    "an empty zip": ("not_found", lambda f: zipped(f, {})),
    "a zip of text": ("not_found", lambda f: zipped(f, {"a/readme": "text"})),
    "a zip in a zip": (
        "not_found",
        lambda f: zipped(f, {"a.zip": write_zip(f / "b.zip", pictures(f)).read_bytes()}),
    ),
    "a zip that climbs out": ("not_found", lambda f: zipped(f, {f"../../x/{n}.png": "x" for n in range(9)})),
    "a zip of absolute names": ("not_found", lambda f: zipped(f, {f"/etc/{n}.png": "x" for n in range(9)})),
    "a zip bomb": ("too_large", lambda f: zipped(f, {f"a/{n}.png": bytes(2**23) for n in range(9)})),
    "half a zip": ("unreadable", lambda f: cut(write_zip(f / "a.zip", pictures(f)))),
    "text called zip": ("unreadable", lambda f: text(f, "a.zip")),
    "a zip of pictures with a password": (
        "unreadable",
        lambda f: {"image": locked(write_zip(f / "a.zip", pictures(f))), **WINDOW},
    ),
    "a zip of DICOM with a password": ("unreadable", lambda f: locked(write_zip(f / "a.zip", series(f)))),
    "a zip with a password in a folder": (
        "unreadable",
        lambda f: also(f, locked(write_zip(f / "a.zip", series(f))), shutil.rmtree(f / "series")),
    ),
    "a folder of a zip with a password": (
        "unreadable",
        lambda f: f"{locked(write_zip(f / 'a.zip', series(f)))}::CP/1/2",
    ),
    "flipped bytes in a zip": (
        "unreadable",
        lambda f: {"image": damaged(write_zip(f / "a.zip", pictures(f)), 9000), **WINDOW},
    ),
}
CONTAINERS = {
    "a nii called nii.gz": ("", lambda f: renamed(nifti(f, name="b.nii"), "a.nii.gz")),
    "a nii.gz called nii": ("", lambda f: renamed(nifti(f, name="b.nii.gz"), "a.nii")),
    "a nrrd called mha": ("", lambda f: renamed(write_itk(f / "b.nrrd", ARRAY, AFFINE), "a.mha")),
    "a NIfTI in a zip": ("", lambda f: zipped(f, {"x/a.nii.gz": nifti(f).read_bytes()})),
    "half a NIfTI in a zip": ("unreadable", lambda f: zipped(f, {"x/a.nii.gz": cut(nifti(f)).read_bytes()})),
    "an NRRD in a zip": (
        "",
        lambda f: zipped(f, {"x/a.nrrd": write_itk(f / "b.nrrd", ARRAY, AFFINE).read_bytes()}),
    ),
    "an mhd whose voxels lie elsewhere": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.mhd", ARRAY, AFFINE), b"= a.raw", b"= ../a.raw"),
    ),
    "an nhdr whose voxels lie elsewhere": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.nhdr", ARRAY, AFFINE), b": a.raw", b": /etc/passwd"),
    ),
    "an nrrd without spacing": (
        "bad_geometry",
        lambda f: replaced(write_itk(f / "a.nrrd", ARRAY, AFFINE), b"space directions", b"space direction"),
    ),
    "an mha without spacing": (
        "bad_geometry",
        lambda f: replaced(write_itk(f / "a.mha", ARRAY, AFFINE), b"ElementSpacing", b"Element_Spacing"),
    ),
    "an nrrd in inches": (
        "bad_geometry",
        lambda f: replaced(
            write_itk(f / "a.nrrd", ARRAY, AFFINE),
            b"kinds: domain domain domain",
            b'space units: "in" "in" "in"',
        ),
    ),
    "an nrrd that claims more": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.nrrd", ARRAY, AFFINE), b"sizes: 60", b"sizes: 90"),
    ),
    "an mha of 100,000 channels": (
        "too_large",
        lambda f: replaced(
            write_itk(f / "a.mha", ARRAY, AFFINE),
            b"NDims = 3",
            b"NDims = 3\nElementNumberOfChannels = 100000",
        ),
    ),
    "an mha of no channel": (
        "unreadable",
        lambda f: replaced(
            write_itk(f / "a.mha", ARRAY, AFFINE), b"NDims = 3", b"NDims = 3\nElementNumberOfChannels = 0"
        ),
    ),
    "an mha of a billion axes": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.mha", ARRAY, AFFINE), b"NDims = 3", b"NDims = 1000000000"),
    ),
    "an mha of fewer sizes than axes": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.mha", ARRAY, AFFINE), b"DimSize = 60 50", b"DimSize = 60"),
    ),
    "an mha of a negative size": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.mha", ARRAY, AFFINE), b"DimSize = 60", b"DimSize = -60"),
    ),
    "an mha of two sizes": (
        "unreadable",
        lambda f: replaced(
            write_itk(f / "a.mha", ARRAY, AFFINE), b"NDims = 3", b"NDims = 3\ndimsize = 2 2 2"
        ),
    ),
    "an mha that claims more": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.mha", ARRAY, AFFINE), b"DimSize = 60", b"DimSize = 6000"),
    ),
    "an mha that names no voxels": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.mha", ARRAY, AFFINE), b"DataFile = LOCAL", b"DataFile = "),
    ),
    "an nrrd of more axes than sizes": (
        "unreadable",
        lambda f: replaced(write_itk(f / "a.nrrd", ARRAY, AFFINE), b"dimension: 3", b"dimension: 4"),
    ),
    "an nrrd of two sizes": (
        "unreadable",
        lambda f: replaced(
            write_itk(f / "a.nrrd", ARRAY, AFFINE), b"dimension: 3", b"dimension: 3\nsizes: 2 2 2"
        ),
    ),
    "an nrrd whose bz2 claims more": (
        "unreadable",
        lambda f: replaced(
            replaced(write_itk(f / "a.nrrd", ARRAY, AFFINE), b"encoding: raw", b"encoding: bz2"),
            b"sizes: 60 50",
            b"sizes: 6000 500",
        ),
    ),
    "an nhdr of several files": (
        "unsupported",
        lambda f: replaced(write_itk(f / "a.nhdr", ARRAY, AFFINE), b": a.raw", b": LIST\na.raw\nb.raw"),
    ),
    "an nhdr of numbered files": (
        "unsupported",
        lambda f: replaced(write_itk(f / "a.nhdr", ARRAY, AFFINE), b": a.raw", b": a%03d.raw 1 9 1 2"),
    ),
    "an mhd of a list of files": (
        "unsupported",
        lambda f: replaced(write_itk(f / "a.mhd", ARRAY, AFFINE), b"= a.raw", b"= LIST\na.raw"),
    ),
    "an mhd whose voxels are a pipe": (
        "unreadable",
        lambda f: also(write_itk(f / "a.mhd", ARRAY, AFFINE), (f / "a.raw").unlink(), os.mkfifo(f / "a.raw")),
    ),
    "an mhd whose voxels are a dead link": (
        "unreadable",
        lambda f: also(
            write_itk(f / "a.mhd", ARRAY, AFFINE), (f / "a.raw").unlink(), link(f / "a.raw", f / "none")
        ),
    ),
    "an mhd of voxels with a Latin-1 name": (
        "",
        lambda f: also(
            replaced(write_itk(f / "a.mhd", ARRAY, AFFINE), b"= a.raw", b"= M\xfc.raw"),
            renamed(f / "a.raw", os.fsdecode(b"M\xfc.raw")),
        ),
    ),
    "a pair": ("", lambda f: pair(f)),
    "a pair without its voxels": ("unreadable", lambda f: also(pair(f), (f / "a.img").unlink())),
    "a pair that claims more": ("unreadable", lambda f: also(pair(f), cut(f / "a.img"))),
    "a pair whose voxels are a pipe": (
        "unreadable",
        lambda f: also(pair(f), (f / "a.img").unlink(), os.mkfifo(f / "a.img")),
    ),
    "voxels that begin in the header": ("unreadable", lambda f: with_start(f, 0)),
    "voxels that begin beyond the end": ("unreadable", lambda f: with_start(f, 1e9)),
    "a NIfTI packed twice": ("unsupported", lambda f: packed_again(nifti(f))),
    "an mha packed twice": (
        "unsupported",
        lambda f: packed_again(packed_again(write_itk(f / "a.mha", ARRAY, AFFINE))),
    ),
    "an array packed twice": ("unsupported", lambda f: packed_again(packed_again(saved(f)))),
    "a NIfTI packed by bz2": (
        "unsupported",
        lambda f: made(f / "a.nii.bz2", lambda path: path.write_bytes(bz2.compress(bytes(999)))),
    ),
    "an array that claims more": ("unreadable", lambda f: npy(f, "<i2", (600, 50, 38))),
    "an array of a negative size": ("unreadable", lambda f: npy(f, "<i2", (-1, 50, 38))),
    "an array of nothing": ("unreadable", lambda f: npy(f, "|V0", (60, 50, 38))),
    "an array of texts": ("not_hounsfield", lambda f: npy(f, "|S2", (60, 50, 38))),
    "an array of dates": ("not_hounsfield", lambda f: npy(f, "<M8[s]", (10, 10, 9))),
    "objects beside an affine": (
        "unsupported",
        lambda f: made(f / "a.npz", lambda path: np.savez(path, a=ARRAY, affine=AFFINE.astype(object))),
    ),
    "an npz of a great many zeros": (
        "unreadable",
        lambda f: made(
            f / "a.npz", lambda path: np.savez_compressed(path, a=np.zeros((600, 600, 100), np.int16))
        ),
    ),
    "an array of no spacing": ("bad_geometry", lambda f: saved(f)),
    "an array of declared spacing": (
        "",
        lambda f: {"image": saved(f), "spacing": [6.0, 5.4, 8.0], "orientation": "RAS"},
    ),
    "an array of Python objects": ("unsupported", lambda f: saved(f, np.array([[[None]]]))),
    "half an array": ("unreadable", lambda f: {"image": cut(saved(f)), "spacing": [6.0, 5.4, 8.0]}),
    "an AppleDouble file": (
        "unsupported",
        lambda f: made(f / "a.bin", lambda path: path.write_bytes(b"\0\5\x16\7" + bytes(99))),
    ),
    "a name that is not UTF-8": ("", lambda f: renamed(nifti(f), os.fsdecode(b"M\xfcller.nii.gz"))),
    "a GBK name of a folder": (
        "",
        lambda f: also(made(f / os.fsdecode(b"\xb2\xa1"), Path.mkdir), nifti(f / os.fsdecode(b"\xb2\xa1"))),
    ),
}
NAMES = {
    "a unicode name": ("", lambda f: nifti(f, name="тест 胸部 é 🫁.nii.gz")),
    "a name of 255 bytes": ("", lambda f: nifti(f, name="x" * 248 + ".nii.gz")),
    "a name with colons and quotes": ("", lambda f: nifti(f, name="a::b 'c' \"d\".nii.gz")),
    "a name with a newline": ("", lambda f: nifti(f, name="a\nb.nii.gz")),
    "a name in capitals": ("", lambda f: renamed(nifti(f), "SCAN.NII.GZ")),
    "a name too long": ("unreadable", lambda f: f / ("x" * 300 + ".nii.gz")),
}
