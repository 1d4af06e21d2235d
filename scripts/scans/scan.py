"""A scan: as a file holds it, in canonical orientation, its coarse copy and its content's hash."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import nibabel
import numpy as np

from .resampling import resample

__all__ = ["AIR", "COARSE_SPACING", "Scan", "Volume", "box_affine"]

AIR = -1024.0  # HU: what lies outside a scan; scanners pad with it or with less
COARSE_SPACING = 3.5  # mm: fine enough for a lung's box
HASH_STRIDE = 2  # every second voxel along each axis goes into the hash in its place, all into its checksum
SHORT = np.iinfo(np.int16)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels in the order of the file, and what is known of them.

    Attributes:
        voxels: three-dimensional; HU, unless ``hounsfield`` says otherwise.
        affine: ``(4, 4)``, voxel to world in mm (RAS+).
        flags: what a reader of the result should know.
        hounsfield: lowest and highest HU that the voxels can show, where they come from a display
            window; None where they are not limited.
        patient: id of a DICOM patient, only to be turned into a key; empty elsewhere.
    """

    voxels: np.ndarray
    affine: np.ndarray
    flags: tuple[str, ...] = ()
    hounsfield: tuple[float, float] | None = None
    patient: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT volume whose axes run, but for a tilt, to the patient's right, to the front and up.

    Attributes:
        voxels: HU, shape ``(R, A, S)``; a view on the scan as it was read, not a copy.
        affine: ``(4, 4)``, voxel to world in mm (RAS+).
        name: the scan as the user named it, for messages.
        lobes: path of a mask of its lobes, where the user gave one.
    """

    voxels: np.ndarray
    affine: np.ndarray
    name: str = "scan"
    lobes: str | None = None

    @classmethod
    def from_array(cls, array: np.ndarray, affine: np.ndarray, name: str = "scan") -> "Scan":
        """View an array of any orientation in the closest canonical one: axes permuted and flipped, no copy.

        Args:
            array: HU, three-dimensional, any axis order.
            affine: ``(4, 4)``, voxel of ``array`` to world in mm (RAS+).
            name: for messages.
        """
        orientation = nibabel.io_orientation(affine)
        to_array = nibabel.orientations.inv_ornt_aff(orientation, array.shape)
        return cls(nibabel.apply_orientation(array, orientation), affine @ to_array, name)

    @property
    def spacing(self) -> np.ndarray:
        """Distance of neighbouring voxels along R, A, S in mm, shape ``(3,)``."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @cached_property
    def content_hash(self) -> str:
        """Name the scan by what it shows, 64 hexadecimal digits: equal for one scan in any file.

        A SHA-256 over the shape along R, A, S, every second voxel along each axis in its place, and a
        checksum (exclusive or) of all voxels, each HU rounded to the nearest 16-bit integer. So it does not
        depend on the format, packing, name or place of the file, nor on the order in which it stores the
        axes. Spacing, position and header are left out: formats round them differently. A resampled,
        cropped or windowed copy is another scan.

        512 x 512 x 300 voxels of int16, as files store them, take about 40 ms.
        """
        step = slice(None, None, HASH_STRIDE)
        digest = hashlib.sha256(repr(tuple(map(int, self.voxels.shape))).encode())
        digest.update(np.ascontiguousarray(_short(self.voxels[step, step, step]).T, "<i2").data)
        digest.update(_checksum(self.voxels).to_bytes(2, "little"))
        return digest.hexdigest()

    @cached_property
    def coarse(self) -> "Scan":
        """The whole scan at about :data:`COARSE_SPACING`, nowhere below AIR; a coarser axis keeps its voxels.

        Its voxels average those of the scan, of which two or more are read along each axis: enough to
        quiet the noise, a fraction of the reading.
        """
        shape = np.array(self.voxels.shape)
        stride = np.maximum(1, COARSE_SPACING / 2 // self.spacing).astype(int)
        wanted = np.maximum(1, np.round(shape * self.spacing / COARSE_SPACING))
        coarse_shape = np.minimum(shape, wanted).astype(int)
        low, high = np.full(3, -0.5), shape - 0.5
        sparse = self.voxels[:: stride[0], :: stride[1], :: stride[2]]
        voxels = resample(sparse, low / stride, high / stride, coarse_shape, fill=AIR, floor=AIR)
        return Scan(voxels.numpy(), self.affine @ box_affine(low, high, coarse_shape), self.name)


def box_affine(low: np.ndarray, high: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Return the affine from the voxels of a grid over a box to the voxels that the box is given in.

    Grid voxel i of n has its centre at ``low + (i + 0.5) * (high - low) / n``.

    Args:
        low: lower faces of the box along R, A, S.
        high: upper faces.
        shape: voxels of the grid along R, A, S.
    """
    step = (np.asarray(high) - low) / shape
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low + step / 2
    return affine


def _short(hounsfield: np.ndarray) -> np.ndarray:
    """Return HU as int16: rounded, and clamped to what that holds."""
    if hounsfield.dtype == np.int16:
        return hounsfield
    whole = np.rint(hounsfield) if hounsfield.dtype.kind == "f" else hounsfield
    return np.clip(whole, SHORT.min, SHORT.max).astype(np.int16)


def _checksum(hounsfield: np.ndarray) -> int:
    """Return the exclusive or of all voxels as int16, which is the same in any order, as 16 bits."""
    forward = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in hounsfield.strides)
    as_stored = hounsfield[forward]
    result = 0
    for plane in as_stored.transpose(np.argsort(as_stored.strides)[::-1]):  # each lies in one piece
        words = _short(plane).ravel(order="K")
        packed = words[: len(words) // 4 * 4].view(np.uint64)  # four at a time
        folded = np.bitwise_xor.reduce(packed, keepdims=True).view(np.uint16)
        rest = words[len(packed) * 4 :].view(np.uint16)
        result ^= int(np.bitwise_xor.reduce(np.concatenate([folded, rest])))
    return result
