"""The formats that hold a scan, or a slice of one: a new one is a file here and a line of the table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..declaration import Declaration
from ..files import GZIP, ScanFile, opener
from ..scan import Volume
from .arrays import array_header, is_array, read_array
from .dicom import dicom_order, read_dicom
from .dicom_series import Choice, sort_out
from .dicom_slices import Slice, is_dicom, read_slices
from .itk import LONGEST_HEADER, is_metaimage, is_nrrd, itk_header, read_itk, voxel_file
from .nifti import half_beside, is_nifti, nifti_header, read_nifti
from .pictures import is_picture_content, read_pictures

__all__ = [
    "DICOM",
    "FORMATS",
    "PICTURES",
    "PICTURE_ENDINGS",
    "Choice",
    "Format",
    "Slice",
    "dicom_order",
    "file_beside",
    "format_of",
    "formats_of",
    "is_picture",
    "read_slices",
    "sort_out",
]

START = 1024  # bytes by which a file is recognised


@dataclass(frozen=True)
class Format:
    """One way to keep a scan.

    Attributes:
        name: for people.
        endings: of file names, in small letters; ``.gz`` may follow each.
        begins: tells the format by the first bytes of a file, unpacked where it is a gzip stream.
        read: files, what is declared and the scan's name -> a volume.
        header: a file -> shape, affine (None where it holds none) and number type, without voxels; None where
            each file is a slice.
    """

    name: str
    endings: tuple[str, ...]
    begins: Callable[[bytes], bool]
    read: Callable[[list[ScanFile], Declaration, str], Volume]
    header: Callable[[ScanFile], tuple[tuple[int, ...], Any, str]] | None = None

    @property
    def of_slices(self) -> bool:
        """Whether a folder of such files is one scan."""
        return self.header is None

    def has_ending(self, name: str) -> bool:
        """Tell the format by a file's name."""
        return name.lower().removesuffix(".gz").endswith(self.endings)


DICOM = Format("DICOM", (".dcm", ".ima", ".dicom"), is_dicom, read_dicom)
PICTURES = Format(
    "PNG, JPG or TIFF slices",
    (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"),
    is_picture_content,
    read_pictures,
)
FORMATS = (  # the first that fits
    DICOM,
    Format("NIfTI", (".nii", ".hdr", ".img"), is_nifti, read_nifti, nifti_header),
    Format("NRRD", (".nrrd", ".nhdr"), is_nrrd, read_itk, itk_header),
    Format("MetaImage", (".mha", ".mhd"), is_metaimage, read_itk, itk_header),
    Format("NumPy", (".npy", ".npz"), is_array, read_array, array_header),
    PICTURES,
)
PICTURE_ENDINGS = PICTURES.endings


def is_picture(name: str) -> bool:
    """Tell a slice saved as a picture by the name's ending."""
    return name.lower().endswith(PICTURE_ENDINGS)


def format_of(name: str, start: bytes) -> Format | None:
    """Return the format of a file: what its first bytes say, else its ending, so that damage is named.

    Args:
        name: of the file.
        start: its first :data:`START` bytes, unpacked; all, where there are fewer.
    """
    if start.startswith(GZIP):  # packed twice
        return None
    found = (format_ for format_ in FORMATS if format_.begins(start))
    by_name = (format_ for format_ in FORMATS if format_ is not DICOM and format_.has_ending(name))
    return next(found, None) or next(by_name, None)


def formats_of(files: Iterable[ScanFile]) -> dict[ScanFile, Format | None]:
    """Return the format of each file, by its first bytes; what cannot be opened goes by its name."""
    formats = {}
    with opener() as open_file:
        for file in files:
            try:
                with open_file(file) as content:
                    start = content.read(START)
            except Exception:  # zip, gzip and file systems raise many kinds for what is damaged or locked
                start = b""
            formats[file] = format_of(file.base_name, start)
    return formats


def file_beside(file: ScanFile) -> ScanFile | None:
    """Return the file that is read together with a header: its voxels, or the other half of a pair.

    Args:
        file: on the disk or in a zip.

    Returns:
        None where the file is whole, or where reading it will say what is wrong.
    """
    try:
        if file.size <= LONGEST_HEADER:  # else the voxels are in it
            with opener() as open_file, open_file(file) as content:
                start = content.read(START)
            if is_nrrd(start) or is_metaimage(start):
                return voxel_file(file)
        return half_beside(file)
    except Exception:  # as many kinds as there are ways to damage a file
        return None
