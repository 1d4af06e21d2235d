"""A corpus of what users bring, one row a fault: the code it is refused with, or "" where it is answered.

Each row is read in one run with a good scan, which is answered all the same.
"""

import gzip
import os
import struct
import zipfile
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from monai.data import list_data_collate
from scan_writers import write_enhanced, write_itk, write_nifti, write_pictures, write_series, write_zip
from toy_chest import SIZE, chest

from scripts.scans import CODES, scan_items
from scripts.transforms import LungRegion, ScanDataset, preprocessing

pytest.importorskip("SimpleITK")
pytest.importorskip("pydicom")

ARRAY, AFFINE = chest((6.0, 5.4, 8.0))
COUNT = ARRAY.shape[2]
WINDOW = {"intensity": "windowed", "window": [-500, 1500]}
CORONAL = [1, 0, 0, 0, 0, -1]
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


def also(path, *others):
    """Return the first, once the others are written beside it."""
    return path


def first_file(folder):
    return sorted(folder.iterdir())[COUNT // 2]


def link(path, target):
    path.symlink_to(target)
    return path


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


def vast_picture(folder):
    """Let a tiny PNG claim 60,000 x 60,000 pixels."""
    path = sorted(folder.iterdir())[0]
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)
    return folder


def renamed(path, name):
    return path.rename(path.with_name(name))


def made(path, make):
    make(path)
    return path


def cube(size=20, value=0):
    return np.full((size, size, size + 1), value, np.int16)


def at_height(k, gap=0.0):
    """Return a slice's position with a jump of `gap` mm in the middle of the stack."""
    lps = np.diag([-1, -1, 1, 1]) @ AFFINE
    place = (lps @ [0, 0, k, 1])[:3]
    return [*place[:2].tolist(), float(place[2] + gap * (k >= COUNT // 2))]


def sideways(k):
    place = at_height(k)
    return [place[0] + 5.0 * (k == 9), *place[1:]]


def thick(folder):
    """Write a second, coarser series of the same chest."""
    return series(folder, *chest((6.0, 5.4, 16.0)), SeriesInstanceUID="1.2.9", SeriesNumber=9)


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
DICOM = {
    "a good series": ("", series),
    "an enhanced CT": ("", lambda f: write_enhanced(f / "a.dcm", ARRAY, AFFINE)),
    "reversed slices": ("", lambda f: series(f, InstanceNumber=lambda k: int(COUNT - k))),
    "two patients": ("several_patients", lambda f: also(series(f), series(f, PatientID="p2", keep=range(9)))),
    "two kernels": (
        "several_series",
        lambda f: also(series(f), series(f, SeriesInstanceUID="1.2.9", SeriesNumber=9)),
    ),
    "one of two, chosen": (
        "",
        lambda f: {"image": also(thick(f), series(f)), "series": "9"},
    ),
    "a series that is not there": ("series_not_found", lambda f: {"image": series(f), "series": "77"}),
    "thin and thick": ("", lambda f: also(series(f), thick(f))),
    "scouts in the series": (
        "",
        lambda f: also(
            series(f),
            series(
                f,
                keep=[3],
                SeriesNumber=1,
                ImageOrientationPatient=CORONAL,
                ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
            ),
        ),
    ),
    "scouts alone": ("not_ct", lambda f: series(f, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
    "projections alone": ("not_ct", lambda f: series(f, ImageType=["DERIVED", "SECONDARY", "MIP"])),
    "a reformat beside": (
        "",
        lambda f: also(
            series(f), series(f, SeriesNumber=5, SeriesInstanceUID="1.2.9", ImageOrientationPatient=CORONAL)
        ),
    ),
    "a reformat alone": ("not_axial", lambda f: series(f, ImageOrientationPatient=CORONAL)),
    "structures beside": (
        "",
        lambda f: also(
            series(f), series(f, keep=[1], Modality="RTSTRUCT", SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3")
        ),
    ),
    "structures alone": (
        "not_ct",
        lambda f: series(f, Modality="RTSTRUCT", SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3"),
    ),
    "an MR": ("not_ct", lambda f: series(f, Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")),
    "an X-ray": (
        "not_ct",
        lambda f: series(f, keep=[9], Modality="DX", SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1"),
    ),
    "one slice of a series": ("too_few_slices", lambda f: series(f, keep=[9])),
    "a gap": ("missing_slices", lambda f: series(f, keep=[*range(9), *range(14, COUNT)])),
    "a slice without its magic word": (
        "missing_slices",
        lambda f: also(series(f, keep=range(COUNT)), damaged(f / "series" / "020.dcm", 128, 4)),
    ),
    "slices there twice": ("duplicate_slices", lambda f: also(series(f), series(f, SeriesNumber=2))),
    "an uneven step": (
        "uneven_slices",
        lambda f: series(f, ImagePositionPatient=lambda k: at_height(k, 3.0)),
    ),
    "a slice aside": ("uneven_slices", lambda f: series(f, ImagePositionPatient=sideways)),
    "two orientations": (
        "several_orientations",
        lambda f: also(series(f), series(f, keep=[4], SeriesNumber=4, ImageOrientationPatient=CORONAL)),
    ),
    "no pixel spacing": ("bad_geometry", lambda f: series(f, PixelSpacing=None)),
    "a pixel spacing of 0": ("bad_geometry", lambda f: series(f, PixelSpacing=[0, 0])),
    "no position": ("bad_geometry", lambda f: series(f, ImagePositionPatient=None)),
    "an orientation of zeros": ("bad_geometry", lambda f: series(f, ImageOrientationPatient=[0] * 6)),
    "a rescale slope of 0": ("bad_rescale", lambda f: series(f, RescaleSlope=0)),
    "a rescale intercept of 0": ("not_hounsfield", lambda f: series(f, RescaleIntercept=0)),
    "a slice cut short": ("unreadable", lambda f: also(series(f), cut(first_file(f / "series")))),
    "a header cut short": ("unreadable", lambda f: also(series(f), cut(first_file(f / "series"), 0.05))),
    "a slice that is a dead link": (
        "unreadable",
        lambda f: also(series(f), link(f / "series/z.dcm", f / "none")),
    ),
    "a folder linked into itself": ("", lambda f: also(series(f), link(f / "series" / "loop", f / "series"))),
}
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
    "a locked zip": (
        "unreadable",
        lambda f: {"image": locked(write_zip(f / "a.zip", pictures(f))), **WINDOW},
    ),
    "flipped bytes in a zip": (
        "unreadable",
        lambda f: {"image": damaged(write_zip(f / "a.zip", pictures(f)), 9000), **WINDOW},
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
ROWS = FILES | VOLUMES | DICOM | PICTURES | ZIPS | NAMES


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return nifti(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def transform():
    return preprocessing(LungRegion(), (12, 10, 9))


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    """So that the good scan is computed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("fault", ROWS)
def test_a_fault_has_its_code_and_the_next_scan_an_answer(fault, good, transform, cache_dir, tmp_path):
    code, make = ROWS[fault]
    given = make(tmp_path)
    declared = given if isinstance(given, dict) else {"image": given}
    fields = {key: value for key, value in declared.items() if key not in ("image", "slices")}
    items = [{**item, **declared, "image": item["image"]} for item in scan_items(declared["image"], fields)]
    dataset = ScanDataset([*items, *scan_items(good)], transform, cache_dir, keep_refused=True)
    results = [dataset[index] for index in range(len(dataset))]
    assert [result["refusal"]["code"] for result in results] == [code, ""]
    assert (float(results[0]["image"].sum()) > 0) == (code == "")
    assert len(list_data_collate(results)["image"]) == 2
    message = results[0]["refusal"]["message"]
    assert str(tmp_path) not in message and "\n" not in message
    assert not code or "; " in message  # what was found; what was expected, or what to do


def test_the_corpus_is_large_and_meets_every_code():
    assert len(ROWS) >= 60
    assert {code for code, _ in ROWS.values()} - {""} == set(CODES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_unreadable(good, transform, tmp_path):
    path = nifti(tmp_path)
    path.chmod(0)
    dataset = ScanDataset(scan_items([path, good]), transform, keep_refused=True)
    assert [dataset[k]["refusal"]["code"] for k in (0, 1)] == ["unreadable", ""]


def test_the_toy_is_no_cube():
    assert len(set(ARRAY.shape)) == 3 and len(set(SIZE)) == 3
