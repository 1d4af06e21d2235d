"""What lies in DICOM files is read as their headers say, however they are stored."""

import locale
import shutil

import numpy as np
import pytest
from dicom_writers import SYNTAXES, bare, in_syntax, packed, rewritten, with_tags, write_dicomdir
from faults import cut
from scan_writers import write_enhanced, write_series
from toy_chest import chest

from scripts.scans import Declaration, RefusedScan, Scan, read_scan

pytest.importorskip("SimpleITK")
pytest.importorskip("pydicom")

ARRAY, AFFINE = chest((9.0, 8.0, 20.0))
ARRAY = ARRAY.clip(-1024, 3071)  # as 12 bits hold them


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path / "s", ARRAY, AFFINE)


def canonical(path, **declared):
    volume = read_scan(path, Declaration(**declared))
    return Scan.from_array(volume.voxels, volume.affine).voxels


def refusal_of(path, **declared):
    with pytest.raises(RefusedScan) as caught:
        read_scan(path, Declaration(**declared))
    return caught.value


CHANGES = {
    **{name: in_syntax(name) for name in SYNTAXES},
    "no preamble, implicit": bare(implicit=True),
    "no preamble, explicit": bare(implicit=False),
    "packed by gzip": packed,
    "MONOCHROME1": with_tags(PhotometricInterpretation="MONOCHROME1"),
    "no storage class": with_tags(SOPClassUID=None),
    "no modality": with_tags(Modality=None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_pixels_in_any_dress_are_the_same_hounsfield_units(series, name):
    np.testing.assert_array_equal(canonical(rewritten(series, CHANGES[name])), ARRAY)


def by_simpleitk(folder, compressor):
    """Write the chest with a compression that only SimpleITK offers; it leaves another locale behind."""
    import SimpleITK as sitk

    folder.mkdir()
    before = locale.setlocale(locale.LC_ALL)
    for k in range(ARRAY.shape[2]):
        image = sitk.GetImageFromArray((ARRAY[:, :, k].T[None] + 1024).astype(np.uint16))
        place = (np.diag([-1, -1, 1, 1]) @ AFFINE @ [0, 0, k, 1])[:3]
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0060": "CT",
            "0020|000e": "1.2.3",
            "0020|0032": "\\".join(f"{x:.6f}" for x in place),
            "0020|0037": "-1\\0\\0\\0\\-1\\0",
            "0028|0030": "8\\9",
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        image.SetSpacing((9.0, 8.0, 20.0))
        image.SetOrigin(place.tolist())
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(image)
    locale.setlocale(locale.LC_ALL, before)
    return folder


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_compression_changes_no_voxel(tmp_path, compressor, photometric):
    import pydicom

    folder = by_simpleitk(tmp_path / "s", compressor)
    first = pydicom.dcmread(next(folder.iterdir()))
    assert first.file_meta.TransferSyntaxUID.is_compressed
    rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024}  # SimpleITK writes none
    rewritten(folder, with_tags(PhotometricInterpretation=photometric, **rescale))
    np.testing.assert_array_equal(canonical(folder), ARRAY)


@pytest.mark.parametrize("storage_class", ["2.1", "2.2"])
def test_each_frame_has_a_slope_and_intercept_of_its_own(tmp_path, storage_class):
    path = write_enhanced(
        tmp_path / "a.dcm",
        ARRAY,
        AFFINE,
        storage_class=f"1.2.840.10008.5.1.4.1.1.{storage_class}",
        rescale=lambda k: (0.5, -1024 - 100 * (k % 3)),
    )
    np.testing.assert_allclose(canonical(path), ARRAY, atol=0.25)


def test_bits_that_do_not_count_are_cleared(series):
    def overlay(dataset):  # an old overlay lies in the four bits above the twelve
        dataset.PixelData = (np.frombuffer(dataset.PixelData, np.uint16) | 0xA000).tobytes()
        return with_tags()(dataset)

    np.testing.assert_array_equal(canonical(rewritten(series, overlay)), ARRAY)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({"RescaleSlope": None}, ARRAY), ({"RescaleIntercept": None}, ARRAY + 1024)],
)
def test_a_missing_rescale_is_said_to_be_missing(series, tags, expected):
    volume = read_scan(rewritten(series, with_tags(**tags)))
    np.testing.assert_array_equal(Scan.from_array(volume.voxels, volume.affine).voxels, expected)
    assert "rescale_assumed" in volume.flags


@pytest.mark.parametrize("decimals", [1, 2])
@pytest.mark.parametrize("step", [0.625, 1.25, 2.5])
def test_rounded_positions_are_even(tmp_path, decimals, step):
    count = 40
    affine = AFFINE @ np.diag([1, 1, step / 20, 1])
    lps = np.diag([-1, -1, 1, 1]) @ affine
    place = [np.round((lps @ [0, 0, k, 1])[:3], decimals).tolist() for k in range(count)]
    array = np.repeat(ARRAY, 3, axis=2)[:, :, :count]
    volume = read_scan(write_series(tmp_path / "s", array, affine, ImagePositionPatient=lambda k: place[k]))
    np.testing.assert_allclose(np.linalg.norm(volume.affine[:3, 2]), step, atol=0.003)


def test_errors_of_positions_that_add_up_are_uneven(tmp_path):
    lps = np.diag([-1, -1, 1, 1]) @ AFFINE
    place = [(lps @ [0, 0, k + 0.004 * k * k, 1])[:3].tolist() for k in range(15)]
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, ImagePositionPatient=lambda k: place[k])
    assert refusal_of(folder).code == "uneven_slices"


def shifted(k, by=7.0):
    place = (np.diag([-1, -1, 1, 1]) @ AFFINE @ [0, 0, k, 1])[:3]
    return [*place[:2].tolist(), float(place[2] + by)]


PASSES = {
    "acquisition": ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, "acquisition 2"),
    "phase": ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}, "phase 2"),
    "time": (
        {"ContentTime": lambda k: f"1015{k:02d}.5"},
        {"ContentTime": lambda k: f"1017{k:02d}.5"},
        "time 101700",
    ),
}


@pytest.mark.parametrize("name", PASSES)
def test_several_passes_in_a_series_are_named_and_can_be_chosen(tmp_path, name):
    first, second, title = PASSES[name]
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, SeriesNumber=4, **first)
    other = write_series(
        tmp_path / "o", ARRAY[::-1], AFFINE, SeriesNumber=4, ImagePositionPatient=shifted, **second
    )
    for file in other.iterdir():
        shutil.move(file, folder / f"other{file.name}")
    refusal = refusal_of(folder)
    assert refusal.code == "several_series" and f"4 {title} (15 slices every 20 mm)" in str(refusal)
    np.testing.assert_array_equal(canonical(folder, series=f"4 {title}"), ARRAY[::-1])


def test_a_short_second_pass_gives_way(tmp_path):
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, AcquisitionNumber=1)
    part = {"keep": range(9, 15), "ImagePositionPatient": shifted}
    other = write_series(tmp_path / "o", ARRAY, AFFINE, AcquisitionNumber=2, **part)
    for file in other.iterdir():
        shutil.move(file, folder / f"other{file.name}")
    np.testing.assert_array_equal(canonical(folder), ARRAY)


def test_passes_that_interlock_to_an_even_stack_are_not_one_scan(tmp_path):
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, AcquisitionNumber=1)
    halfway = {"ImagePositionPatient": lambda k: shifted(k, 10.0), "AcquisitionNumber": 2}
    for file in write_series(tmp_path / "o", ARRAY, AFFINE, **halfway).iterdir():
        shutil.move(file, folder / f"other{file.name}")
    assert refusal_of(folder).code == "several_series"


def test_an_acquisition_a_slice_is_one_scan(tmp_path):
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, AcquisitionNumber=lambda k: int(k) + 1)
    np.testing.assert_array_equal(canonical(folder), ARRAY)


def test_a_series_uid_a_slice_is_one_series(tmp_path):
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, SeriesInstanceUID=lambda k: f"1.2.3.{k + 1}")
    np.testing.assert_array_equal(canonical(folder), ARRAY)


def test_many_series_make_a_short_message(tmp_path):
    for number in range(12):
        uid = {"SeriesInstanceUID": f"1.2.3.{number}", "SeriesNumber": number + 1}
        write_series(tmp_path / "s", ARRAY, AFFINE, ConvolutionKernel="LONGNAMEDKERNEL", **uid)
    message = str(refusal_of(tmp_path / "s"))
    assert len(message) < 500 + len(str(tmp_path)) and "and 7 more" in message


def test_a_slice_lost_at_the_end_of_the_stack_is_flagged(series):
    import pydicom

    last = max(series.iterdir(), key=lambda file: pydicom.dcmread(file).ImagePositionPatient[2])
    last.write_bytes(b"")
    (series / "notes.dcm").write_text("no slice, and plainly so")
    assert read_scan(series).flags == ("files_not_read",)
    last.unlink()
    assert read_scan(series).flags == ()


def test_a_disc_with_its_table_of_contents_is_read(series):
    write_dicomdir(series / "DICOMDIR")
    np.testing.assert_array_equal(canonical(series), ARRAY)


LIES = {
    "frames": with_tags(NumberOfFrames=99_999_999),
    "columns": with_tags(Columns=65_535),
    "rows and columns": with_tags(Rows=65_535, Columns=65_535),
    "bits": with_tags(BitsAllocated=32),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("syntax", ["explicit little endian", "RLE"])
def test_a_header_that_claims_more_than_the_file_holds_is_refused(series, name, syntax):
    rewritten(rewritten(series, in_syntax(syntax)), LIES[name])
    assert refusal_of(series).code in ("unreadable", "too_large")


def test_frames_without_a_description_are_refused(tmp_path):
    path = write_enhanced(tmp_path / "a.dcm", ARRAY, AFFINE)
    rewritten(tmp_path, with_tags(NumberOfFrames=9))
    assert refusal_of(path).code == "unreadable"


def test_a_compressed_slice_cut_short_is_unreadable(series):
    rewritten(series, in_syntax("RLE"))
    cut(sorted(series.iterdir())[3], 0.6)
    assert refusal_of(series).code == "unreadable"


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("bad_rescale", {"RescaleSlope": 0}),
        ("unreadable", {"RescaleSlope": "NaN"}),
        ("not_ct", {"RescaleType": "MGML"}),
        ("not_ct", {"RescaleType": "Z_EFF"}),
        ("not_ct", {"SamplesPerPixel": 3, "Columns": 13}),
    ],
)
def test_values_that_are_no_hounsfield_units_are_refused(series, code, tags):
    assert refusal_of(rewritten(series, with_tags(**tags))).code == code
