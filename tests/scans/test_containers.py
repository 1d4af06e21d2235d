"""NIfTI, NRRD, MetaImage, NumPy, TIFF: what the header holds is honoured, what it lacks is not invented."""

import gzip
import os
import resource
import struct
import subprocess
import sys
import textwrap
import zipfile

import nibabel
import numpy as np
import pytest
from scan_writers import write_itk, write_nifti
from toy_chest import chest

from scripts.scans import Declaration, RefusedScan, Scan, file_stem, read_scan, scan_files, scan_items
from scripts.scans.limits import check_claim

pytest.importorskip("SimpleITK")

ARRAY, AFFINE = chest((9.0, 8.0, 20.0))
ARRAY = ARRAY.clip(-1024)  # what 16 bits without a sign hold, once 1024 is added
SPACING = (9.0, 8.0, 20.0)


def canonical(path, **declared):
    volume = read_scan(path, Declaration(**declared))
    return Scan.from_array(volume.voxels, volume.affine)


def refusal_of(path, **declared):
    with pytest.raises(RefusedScan) as caught:
        read_scan(path, Declaration(**declared))
    return caught.value


def pair(folder, kind=nibabel.Nifti1Pair, name="a.img"):
    nibabel.save(kind(ARRAY, AFFINE), folder / name)
    return (folder / name).with_suffix(".hdr") if not name.endswith(".gz") else folder / "a.hdr.gz"


def renamed(path, name):
    return path.rename(path.with_name(name))


def gzipped(path):
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def compressed_itk(path):
    import SimpleITK as sitk

    write_itk(path, ARRAY, AFFINE)
    sitk.WriteImage(sitk.ReadImage(str(path)), str(path), True)
    return path


def in_zip(path, *members):
    with zipfile.ZipFile(path.with_name("a.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for member in (path, *members):
            archive.write(member, f"scans/{member.name}")
    return path.with_name("a.zip")


def npz(folder):
    np.savez_compressed(folder / "a.npz", scan=ARRAY, affine=AFFINE)
    return folder / "a.npz"


FILES = {
    "a NIfTI pair": pair,
    "its other half": lambda f: pair(f).with_suffix(".img"),
    "a packed pair": lambda f: pair(f, name="a.img.gz"),
    "a NIfTI-2 pair": lambda f: pair(f, nibabel.Nifti2Pair),
    "NIfTI-2": lambda f: renamed(write_nifti(f / "b.nii", ARRAY, AFFINE), "a.nii"),
    "a nii called nii.gz": lambda f: renamed(write_nifti(f / "b.nii", ARRAY, AFFINE), "a.nii.gz"),
    "a nii.gz called nii": lambda f: renamed(write_nifti(f / "b.nii.gz", ARRAY, AFFINE), "a.nii"),
    "a nii without an ending": lambda f: renamed(write_nifti(f / "b.nii", ARRAY, AFFINE), "a"),
    "a nrrd called mha": lambda f: renamed(write_itk(f / "b.nrrd", ARRAY, AFFINE), "a.mha"),
    "an mha called nrrd": lambda f: renamed(write_itk(f / "b.mha", ARRAY, AFFINE), "a.nrrd"),
    "an nhdr with its raw": lambda f: write_itk(f / "a.nhdr", ARRAY, AFFINE),
    "an nhdr with a packed raw": lambda f: compressed_itk(f / "a.nhdr"),
    "an mhd with its raw": lambda f: write_itk(f / "a.mhd", ARRAY, AFFINE),
    "an mhd with its zraw": lambda f: compressed_itk(f / "a.mhd"),
    "a packed nrrd": lambda f: gzipped(write_itk(f / "a.nrrd", ARRAY, AFFINE)),
    "a packed mha": lambda f: gzipped(write_itk(f / "a.mha", ARRAY, AFFINE)),
    "a NIfTI in a zip": lambda f: in_zip(write_nifti(f / "a.nii.gz", ARRAY, AFFINE)),
    "a NIfTI pair in a zip": lambda f: f"{in_zip(pair(f), f / 'a.img')}::scans/a.hdr",
    "an NRRD in a zip": lambda f: f"{in_zip(write_itk(f / 'a.nrrd', ARRAY, AFFINE))}::scans/a.nrrd",
    "an mhd in a zip": lambda f: f"{in_zip(write_itk(f / 'a.mhd', ARRAY, AFFINE), f / 'a.raw')}::scans/a.mhd",
    "an npz with its affine": npz,
}


@pytest.mark.parametrize("name", FILES)
def test_every_container_gives_the_same_voxels_in_the_same_place(tmp_path, name):
    scan = canonical(FILES[name](tmp_path))
    np.testing.assert_array_equal(scan.voxels, ARRAY)
    np.testing.assert_allclose(scan.affine, AFFINE, atol=1e-3)


def test_analyze_has_no_orientation_and_says_so(tmp_path):
    volume = read_scan(pair(tmp_path, nibabel.AnalyzeImage))
    assert volume.flags == ("orientation_assumed",)
    np.testing.assert_allclose(np.linalg.norm(volume.affine[:3, :3], axis=0), SPACING)


def test_half_a_pair_names_its_other_half(tmp_path):
    path = pair(tmp_path)
    path.with_suffix(".img").unlink()
    assert "expected a.img in the same folder" in str(refusal_of(path))


@pytest.mark.parametrize("fortran", [False, True])
def test_an_array_is_read_with_what_is_declared_of_it(tmp_path, fortran):
    stored = np.flip(ARRAY.T, (1, 2))  # slices from feet to head, rows to the back, columns to the left
    np.save(tmp_path / "a.npy", np.asfortranarray(stored) if fortran else np.ascontiguousarray(stored))
    assert refusal_of(tmp_path / "a.npy").code == "bad_geometry"
    assumed = read_scan(tmp_path / "a.npy", Declaration(spacing=SPACING[::-1]))
    assert assumed.flags == ("orientation_assumed",)
    for declared in ({}, {"orientation": "SPL"}):
        scan = canonical(tmp_path / "a.npy", spacing=SPACING[::-1], **declared)
        np.testing.assert_array_equal(scan.voxels, ARRAY)
        np.testing.assert_allclose(scan.spacing, SPACING)


def test_an_array_whose_slices_seem_to_be_last_asks_for_its_orientation(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY[:34, :34])
    assert "declare orientation" in str(refusal_of(tmp_path / "a.npy", spacing=SPACING))
    scan = canonical(tmp_path / "a.npy", spacing=SPACING, orientation="RAS")
    np.testing.assert_array_equal(scan.voxels, ARRAY[:34, :34])


def test_an_array_from_python_is_a_scan():
    volume = read_scan((ARRAY, AFFINE))
    assert volume.voxels is ARRAY or np.shares_memory(volume.voxels, ARRAY)
    for affine in (np.eye(3), "x", np.full((4, 4), np.nan)):
        assert refusal_of((ARRAY, affine)).code == "bad_geometry"
    assert refusal_of((ARRAY[..., None], AFFINE)).code == "not_three_dimensional"


@pytest.mark.parametrize("pages", [False, True])
def test_16_bit_tiff_slices_are_read(tmp_path, pages):
    image = pytest.importorskip("PIL.Image")
    stack = [image.fromarray((plane.T + 1024).astype(np.uint16)) for plane in np.moveaxis(ARRAY, 2, 0)]
    folder = tmp_path / "slices"
    folder.mkdir()
    if pages:
        stack[0].save(folder / "stack.tif", save_all=True, append_images=stack[1:])
    else:
        for number, picture in enumerate(stack):
            picture.save(folder / f"{number}.tif")
    whole = Declaration(
        window=(31743.5, 65535.0), grey_range=(0.0, 65535.0), spacing=SPACING, orientation="RAS"
    )
    path = folder / "stack.tif" if pages else folder
    np.testing.assert_array_equal(read_scan(path, whole).voxels, ARRAY)
    assert refusal_of(path).code == "not_hounsfield"


NRRD = "NRRD0004\ntype: int16\ndimension: 3\nsizes: {} {} {}\nendian: little\nencoding: raw\n".format(
    *ARRAY.shape
)
MHA = "ObjectType = Image\nNDims = 3\nDimSize = {} {} {}\nElementType = MET_SHORT\n".format(*ARRAY.shape)


def nrrd(folder, fields, name="a.nrrd"):
    (folder / name).write_bytes((NRRD + fields + "\n").encode() + ARRAY.tobytes(order="F"))
    return folder / name


def mha(folder, fields):
    (folder / "a.mha").write_bytes(
        (MHA + fields + "ElementDataFile = LOCAL\n").encode() + ARRAY.tobytes(order="F")
    )
    return folder / "a.mha"


def test_a_spacing_that_the_header_lacks_is_not_invented(tmp_path):
    for path in (nrrd(tmp_path, ""), nrrd(tmp_path, "spacings: nan nan nan\n"), mha(tmp_path, "")):
        assert refusal_of(path).code == "bad_geometry"
    declared = read_scan(nrrd(tmp_path, ""), Declaration(spacing=SPACING))
    np.testing.assert_allclose(np.linalg.norm(declared.affine[:3, :3], axis=0), SPACING)


def test_an_orientation_that_the_header_lacks_is_flagged(tmp_path):
    spacing = "spacings: 9 8 20\n"
    directions = "space dimension: 3\nspace directions: (9,0,0) (0,8,0) (0,0,20)\n"
    for path in (
        nrrd(tmp_path, spacing),
        nrrd(tmp_path, directions),
        mha(tmp_path, "ElementSpacing = 9 8 20\n"),
    ):
        assert read_scan(path).flags == ("orientation_assumed",)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("cm", 10), ("um", 0.001), ("m", 1000)])
def test_the_unit_of_the_spacing_is_honoured(tmp_path, unit, factor):
    sizes = [size / factor for size in SPACING]
    fields = "space: RAS\nspace directions: ({},0,0) (0,{},0) (0,0,{})\n".format(*sizes)
    path = nrrd(tmp_path, fields + f'space units: "{unit}" "{unit}" "{unit}"\nspace origin: (0,0,0)\n')
    np.testing.assert_allclose(canonical(path).spacing, SPACING, rtol=1e-4)


def test_an_unknown_unit_is_named(tmp_path):
    fields = 'space: RAS\nspace directions: (9,0,0) (0,8,0) (0,0,20)\nspace units: "in" "in" "in"\n'
    refusal = refusal_of(nrrd(tmp_path, fields))
    assert refusal.code == "bad_geometry" and "'in'" in str(refusal)


@pytest.mark.parametrize(
    "written", ["../secret.raw", "/etc/passwd", "LIST", "slice%03d.raw", "none.raw", "..", "a/b.raw"]
)
def test_a_header_names_no_file_outside_its_folder(tmp_path, written):
    (tmp_path / "secret.raw").write_bytes(ARRAY.tobytes(order="F"))
    (tmp_path / "scans").mkdir()
    for name, line in (("a.mhd", f"ElementDataFile = {written}\n"), ("a.nhdr", f"data file: {written}\n")):
        start = NRRD + "spacings: 9 8 20\n" if name == "a.nhdr" else MHA + "ElementSpacing = 9 8 20\n"
        (tmp_path / "scans" / name).write_text(start + line, encoding="utf-8")
        assert refusal_of(tmp_path / "scans" / name).code in ("unreadable", "unsupported")


def nifti_claim(folder, name, shape, code, bits):
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<2f", header, 108, 352, 1)
    header[344:348] = b"n+1\0"
    (folder / name).write_bytes(gzip.compress(header) if name.endswith("gz") else header)
    return folder / name


def npy_claim(folder):
    np.save(folder / "a.npy", np.zeros((1, 1, 1)))
    content = (folder / "a.npy").read_bytes().replace(b"(1, 1, 1), }        ", b"(999, 999, 999), }  ")
    (folder / "a.npy").write_bytes(content)
    return folder / "a.npy"


CLAIMS = {
    "a nii of doubles": lambda f: nifti_claim(f, "a.nii", (1024, 1024, 1024), 64, 64),
    "a nii.gz of complex numbers": lambda f: nifti_claim(f, "a.nii.gz", (1024, 1024, 1024), 1792, 128),
    "a nii.gz of shorts": lambda f: nifti_claim(f, "a.nii.gz", (1024, 1024, 700), 4, 16),
    "an nrrd": lambda f: made(nrrd(f, "spacings: 1 1 1\n"), b"40 34 15", b"9999 9999 20"),
    "a packed nrrd": lambda f: made(
        nrrd(f, "spacings: 1 1 1\n"), b"40 34 15", b"9999 9999 20", b"encoding: raw", b"encoding: gzip"
    ),
    "an mha": lambda f: made(mha(f, "ElementSpacing = 1 1 1\n"), b"40 34 15", b"9999 9999 20"),
    "an npy": npy_claim,
}


def made(path, *replaced):
    content = path.read_bytes()
    for old, new in zip(replaced[::2], replaced[1::2], strict=True):
        content = content.replace(old, new)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", CLAIMS)
def test_nothing_is_allocated_on_a_headers_word(tmp_path, name):
    path = CLAIMS[name](tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal_of(path, spacing=(1.0, 1.0, 1.0)).code in ("unreadable", "too_large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_photon_counting_scan_is_not_too_large_and_memory_is_the_limit(monkeypatch):
    monkeypatch.setattr("scripts.scans.limits.memory_for_a_scan", lambda: 8 * 2**30)
    check_claim((1024, 1024, 1400), 2, 2 * 1024 * 1024 * 1400, "scan")
    with pytest.raises(RefusedScan, match=r"10.9 GiB; expected at most half of this machine's memory, 8.0"):
        check_claim((1024, 1024, 1400), 8, 8 * 1024 * 1024 * 1400, "scan")


def test_what_does_not_fit_into_memory_is_refused_not_the_end(tmp_path):
    path = write_nifti(tmp_path / "a.nii.gz", np.zeros((512, 512, 300), np.float64), np.eye(4))
    code = f"""
        import resource
        from scripts.scans import RefusedScan, read_scan
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2)
        try:
            read_scan({str(path)!r})
        except RefusedScan as refusal:
            print(refusal.code)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert run.stdout.strip() == "too_large", run.stderr[-500:]


def test_a_name_that_is_not_utf_8_is_escaped_and_read(tmp_path):
    for make, ending in ((write_nifti, b"nii.gz"), (write_itk, b"nrrd"), (write_itk, b"mha")):
        good = make(tmp_path / f"good.{ending.decode()}", ARRAY, AFFINE)
        good.rename(tmp_path / os.fsdecode(b"M\xfcller." + ending))
    items = scan_items(tmp_path)
    assert len(items) == 3
    for item in items:
        assert "M\\xfcller" in item["name"] and item["name"].isprintable()
        np.testing.assert_array_equal(canonical(item["image"]).voxels, ARRAY)


def test_the_stem_of_an_output_has_no_ending_of_a_scan():
    names = ("a.nii.gz", "b/a.nhdr", "a.npy", "a.dcm.gz", "a.hdr")
    assert {file_stem(name) for name in names} == {"a"}


def test_a_file_in_a_zip_is_a_file_behind_its_scan(tmp_path):
    archive = in_zip(write_nifti(tmp_path / "a.nii.gz", ARRAY, AFFINE))
    (file,) = scan_files(tmp_path, f"{archive.name}::scans/a.nii.gz")
    assert file.base_name == "a.nii.gz" and file.beside("b.nii.gz") is None
