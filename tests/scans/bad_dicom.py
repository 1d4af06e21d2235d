"""DICOM folders as archives give them."""

import gzip
import os
import zlib

import numpy as np
import pydicom
from dicom_writers import bare, in_syntax, packed, rewritten, with_tags, write_dicomdir
from faults import AFFINE, ARRAY, COUNT, also, cut, damaged, link, series
from scan_writers import write_enhanced
from toy_chest import chest

CORONAL = [1, 0, 0, 0, 0, -1]


def first_file(folder):
    return sorted(folder.iterdir())[COUNT // 2]


def at_height(k, gap=0.0):
    """Return a slice's position with a jump of `gap` mm in the middle of the stack."""
    lps = np.diag([-1, -1, 1, 1]) @ AFFINE
    place = (lps @ [0, 0, k, 1])[:3]
    return [*place[:2].tolist(), float(place[2] + gap * (k >= COUNT // 2))]


def sideways(k):
    place = at_height(k)
    return [place[0] + 5.0 * (k == 9), *place[1:]]


def changed(file, **tags):
    """Set tags of one file, or drop those that are None."""
    file.write_bytes(with_tags(**tags)(pydicom.dcmread(file)))


def longer(count):
    """Return a change that puts bytes behind the pixels."""
    return lambda dataset: with_tags(PixelData=dataset.PixelData + bytes(count))(dataset)


def floating(tag, size):
    """Return a change that stores the pixels as numbers of floating point."""

    def change(dataset):
        values = np.frombuffer(dataset.PixelData, np.uint16).astype(f"<f{size}").tobytes()
        bits = {"BitsAllocated": 8 * size, "BitsStored": 8 * size, "HighBit": 8 * size - 1}
        return with_tags(PixelData=None, **{tag: values}, **bits)(dataset)

    return change


def enhanced_without(folder, group, **options):
    """Write an enhanced CT of which one frame lacks a functional group."""
    file = write_enhanced(folder / "a.dcm", ARRAY, AFFINE, **options)
    dataset = pydicom.dcmread(file)
    delattr(dataset.PerFrameFunctionalGroupsSequence[5], group)
    dataset.save_as(file, enforce_file_format=True)
    return file


def inflated(file):
    """Deflate a slice with 200 MB of zeros behind its pixels."""
    content = in_syntax("deflated")(pydicom.dcmread(file))
    start = 144 + int.from_bytes(content[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [packer.compress(zlib.decompress(content[start:], -zlib.MAX_WBITS))]
    parts += [packer.compress(bytes(2**20)) for _ in range(200)]
    file.write_bytes(content[:start] + b"".join(parts) + packer.flush())


def thick(folder):
    """Write a second, coarser series of the same chest."""
    return series(folder, *chest((6.0, 5.4, 16.0)), SeriesInstanceUID="1.2.9", SeriesNumber=9)


def two_passes(folder, keep):
    """Write two breath-holds into one series, that only their AcquisitionNumber tells apart."""
    second = {"AcquisitionNumber": 2, "ImagePositionPatient": lambda k: at_height(k + 0.5)}
    return series(folder, AcquisitionNumber=1), series(folder, keep=keep, **second)


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
    "an enhanced CT with frames of their own intercept": (
        "",
        lambda f: write_enhanced(f / "a.dcm", ARRAY, AFFINE, rescale=lambda k: (1, -1024 - 200 * (k % 2))),
    ),
    "a legacy converted CT": (
        "",
        lambda f: write_enhanced(f / "a.dcm", ARRAY, AFFINE, "1.2.840.10008.5.1.4.1.1.2.2"),
    ),
    "an enhanced CT that describes fewer frames": (
        "unreadable",
        lambda f: also(
            write_enhanced(f / "a.dcm", ARRAY, AFFINE), rewritten(f, with_tags(NumberOfFrames=COUNT + 1))
        ),
    ),
    "positions to 0.1 mm": (
        "",
        lambda f: series(f, ImagePositionPatient=lambda k: np.round(at_height(k), 1).tolist()),
    ),
    "errors of positions that add up": (
        "uneven_slices",
        lambda f: series(f, ImagePositionPatient=lambda k: at_height(k + 0.003 * k * k)),
    ),
    "MONOCHROME1": ("", lambda f: series(f, PhotometricInterpretation="MONOCHROME1")),
    "MONOCHROME1 in RLE": (
        "",
        lambda f: rewritten(series(f, PhotometricInterpretation="MONOCHROME1"), in_syntax("RLE")),
    ),
    "no preamble": ("", lambda f: rewritten(series(f), bare(implicit=True))),
    "no preamble, one slice lost": (
        "missing_slices",
        lambda f: also(rewritten(series(f), bare(implicit=False)), first_file(f / "series").unlink()),
    ),
    "slices packed by gzip": ("", lambda f: rewritten(series(f), packed)),
    "half a slice packed by gzip": (
        "unreadable",
        lambda f: also(rewritten(series(f), packed), cut(first_file(f / "series"))),
    ),
    "big endian": ("", lambda f: rewritten(series(f), in_syntax("explicit big endian"))),
    "deflated": ("", lambda f: rewritten(series(f), in_syntax("deflated"))),
    "a DICOMDIR beside": ("", lambda f: also(series(f), write_dicomdir(f / "series" / "DICOMDIR"))),
    "a DICOMDIR alone": ("not_ct", lambda f: write_dicomdir(f / "DICOMDIR")),
    "no rescale slope": ("", lambda f: rewritten(series(f), with_tags(RescaleSlope=None))),
    "no rescale intercept": (
        "not_hounsfield",
        lambda f: rewritten(series(f), with_tags(RescaleIntercept=None)),
    ),
    "a rescale slope that is no number": (
        "unreadable",
        lambda f: rewritten(series(f), with_tags(RescaleSlope="NaN")),
    ),
    "a map of iodine": ("not_ct", lambda f: series(f, RescaleType="MGML")),
    "a map of iodine beside": (
        "",
        lambda f: also(series(f), series(f, RescaleType="MGML", SeriesInstanceUID="1.2.9", SeriesNumber=9)),
    ),
    "a series UID a slice": ("", lambda f: series(f, SeriesInstanceUID=lambda k: f"1.2.3.{k + 1}")),
    "two kernels with a series UID a slice": (
        "several_series",
        lambda f: also(
            series(f, SeriesInstanceUID=lambda k: f"1.2.3.{k + 1}", ConvolutionKernel="B40f"),
            series(f, SeriesNumber=5, SeriesInstanceUID=lambda k: f"1.2.4.{k + 1}", ConvolutionKernel="B70f"),
        ),
    ),
    "a short second acquisition": ("", lambda f: also(*two_passes(f, range(COUNT - 12, COUNT)))),
    "a whole second acquisition": ("several_series", lambda f: also(*two_passes(f, range(COUNT)))),
    "a million frames": ("unreadable", lambda f: rewritten(series(f), with_tags(NumberOfFrames=10**6))),
    "more bits than there are": (
        "unreadable",
        lambda f: rewritten(series(f), with_tags(BitsStored=17, HighBit=16)),
    ),
    "a highest bit beyond the last": ("unreadable", lambda f: rewritten(series(f), with_tags(HighBit=20))),
    "fewer bits up to the highest": ("unreadable", lambda f: rewritten(series(f), with_tags(HighBit=8))),
    "no bits stored": ("", lambda f: rewritten(series(f), with_tags(BitsStored=None))),
    "numbers of a palette": (
        "not_ct",
        lambda f: rewritten(series(f), with_tags(PhotometricInterpretation="PALETTE COLOR")),
    ),
    "a palette in an enhanced CT": (
        "not_ct",
        lambda f: also(
            write_enhanced(f / "a.dcm", ARRAY, AFFINE),
            rewritten(f, with_tags(PhotometricInterpretation="PALETTE COLOR")),
        ),
    ),
    "one slice of a palette": (
        "not_ct",
        lambda f: also(
            series(f), changed(f / "series" / "004.dcm", PhotometricInterpretation="PALETTE COLOR")
        ),
    ),
    "luminance without colours": (
        "not_ct",
        lambda f: rewritten(series(f), with_tags(PhotometricInterpretation="YBR_FULL")),
    ),
    "no photometric interpretation": (
        "",
        lambda f: rewritten(series(f), with_tags(PhotometricInterpretation=None)),
    ),
    "fewer columns than pixels": ("unreadable", lambda f: rewritten(series(f), with_tags(Columns=58))),
    "fewer rows than pixels": ("unreadable", lambda f: rewritten(series(f), with_tags(Rows=48))),
    "half the bits of the pixels": (
        "unreadable",
        lambda f: rewritten(series(f), with_tags(BitsAllocated=8, BitsStored=8, HighBit=7)),
    ),
    "a few bytes behind the pixels": ("", lambda f: rewritten(series(f), longer(20))),
    "pixels of floating point": ("unreadable", lambda f: rewritten(series(f), floating("FloatPixelData", 4))),
    "pixels of double precision": (
        "unreadable",
        lambda f: rewritten(series(f), floating("DoubleFloatPixelData", 8)),
    ),
    "one slice without an intercept": (
        "bad_rescale",
        lambda f: also(series(f), changed(f / "series" / "004.dcm", RescaleIntercept=None)),
    ),
    "one slice without a slope": (
        "bad_rescale",
        lambda f: also(series(f), changed(f / "series" / "004.dcm", RescaleSlope=None)),
    ),
    "an enhanced CT with a frame that has no rescale": (
        "bad_rescale",
        lambda f: enhanced_without(f, "PixelValueTransformationSequence", rescale=lambda k: (1, -1024)),
    ),
    "an enhanced CT with a frame that has no position": (
        "bad_geometry",
        lambda f: enhanced_without(f, "PlanePositionSequence"),
    ),
    "an enhanced CT that describes no frame": (
        "bad_geometry",
        lambda f: also(
            write_enhanced(f / "a.dcm", ARRAY, AFFINE),
            rewritten(f, with_tags(PerFrameFunctionalGroupsSequence=None)),
        ),
    ),
    "a thousand frames in RLE": (
        "bad_geometry",
        lambda f: rewritten(rewritten(series(f), in_syntax("RLE")), with_tags(NumberOfFrames=1000)),
    ),
    "a negative pixel spacing": (
        "bad_geometry",
        lambda f: rewritten(series(f), with_tags(PixelSpacing=[-5.4, 6.0])),
    ),
    "a slope twice too large": (
        "not_hounsfield",
        lambda f: series(f, RescaleSlope=2, RescaleIntercept=-2048),
    ),
    "a slope twice too small": (
        "not_hounsfield",
        lambda f: series(f, RescaleSlope=0.5, RescaleIntercept=-512),
    ),
    "a slope too small by a fifth": (
        "not_hounsfield",
        lambda f: series(f, RescaleSlope=0.8, RescaleIntercept=-819),
    ),
    "spaces around an id": (
        "",
        lambda f: also(series(f), changed(f / "series" / "004.dcm", PatientID=" p1 ")),
    ),
    "a nul behind an id": (
        "",
        lambda f: also(series(f), changed(f / "series" / "004.dcm", PatientID="p1\0")),
    ),
    "deflated to much more": ("too_large", lambda f: also(series(f), inflated(f / "series" / "004.dcm"))),
    "half a deflated slice": (
        "unreadable",
        lambda f: also(rewritten(series(f), in_syntax("deflated")), cut(f / "series" / "004.dcm", 0.7)),
    ),
    "packed twice by gzip": (
        "not_found",
        lambda f: rewritten(series(f), lambda d: gzip.compress(packed(d))),
    ),
    "RLE of 4,000 squared": (
        "unreadable",
        lambda f: rewritten(rewritten(series(f), in_syntax("RLE")), with_tags(Rows=4000, Columns=4000)),
    ),
    "RLE of 20,000 squared": (
        "unreadable",
        lambda f: rewritten(rewritten(series(f), in_syntax("RLE")), with_tags(Rows=20_000, Columns=20_000)),
    ),
    "a pipe among the slices": ("", lambda f: also(series(f), os.mkfifo(f / "series" / "x.dcm"))),
    "slices of 65,535 squared": (
        "unreadable",
        lambda f: rewritten(series(f), with_tags(Rows=65_535, Columns=60_000)),
    ),
}
