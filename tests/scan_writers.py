"""Writes arrays as scans of every format, right or wrong as a test wants them."""

import zipfile
import zlib

import nibabel
import numpy as np
import pytest


def write_nifti(path, array, affine, slope=None):
    image = nibabel.Nifti1Image(array, affine)
    if slope:
        image.header.set_slope_inter(*slope)
    nibabel.save(image, path)
    return path


def write_itk(path, array, affine):
    sitk = pytest.importorskip("SimpleITK")
    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(array.T)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path))
    return path


def write_series(folder, array, affine, keep=None, **tags):
    """Write slices as DICOM, in shuffled file order, all with one SOPInstanceUID; tags may depend on k."""
    pytest.importorskip("pydicom")
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(1).permutation(array.shape[2])
    told_apart = [
        tags.get(tag)
        for tag in ("PatientID", "SeriesInstanceUID", "SeriesNumber", "SOPClassUID", "AcquisitionNumber")
    ]
    prefix = f"{zlib.crc32(repr(told_apart).encode()):08x}-" if any(told_apart) else ""
    for number, k in enumerate(order):
        if keep is None or k in keep:
            slice_ = _slice(array[:, :, k], affine, k)
            for tag, value in tags.items():
                setattr(slice_, tag, value(k) if callable(value) else value)
            slice_.save_as(folder / f"{prefix}{number:03d}.dcm", enforce_file_format=True)
    return folder


def write_enhanced(path, array, affine, storage_class="1.2.840.10008.5.1.4.1.1.2.1", rescale=None):
    """Write one enhanced multi-frame CT, its frames in reversed order.

    `rescale(k)` gives slope and intercept of a slice; None: all frames share one.
    """
    pydicom = pytest.importorskip("pydicom")
    order = list(reversed(range(array.shape[2])))
    frames = [_slice(array[:, :, k], affine, k, *(rescale(k) if rescale else (1, -1024))) for k in order]
    whole = _slice(array[:, :, 0], affine, 0)
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = storage_class
    whole.NumberOfFrames = len(frames)
    whole.PixelData = b"".join(frame.PixelData for frame in frames)

    def group(**tags):
        item = pydicom.Dataset()
        for tag, value in tags.items():
            setattr(item, tag, value)
        return pydicom.Sequence([item])

    shared, whole.PerFrameFunctionalGroupsSequence = pydicom.Dataset(), pydicom.Sequence()
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=whole.ImageOrientationPatient)
    shared.PixelMeasuresSequence = group(PixelSpacing=whole.PixelSpacing)
    if rescale is None:
        shared.PixelValueTransformationSequence = group(RescaleSlope=1, RescaleIntercept=-1024)
    whole.SharedFunctionalGroupsSequence = pydicom.Sequence([shared])
    for frame in frames:
        own = pydicom.Dataset()
        own.PlanePositionSequence = group(ImagePositionPatient=frame.ImagePositionPatient)
        if rescale:
            scale = {"RescaleSlope": frame.RescaleSlope, "RescaleIntercept": frame.RescaleIntercept}
            own.PixelValueTransformationSequence = group(**scale)
        whole.PerFrameFunctionalGroupsSequence.append(own)
    for tag in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "RescaleSlope"):
        delattr(whole, tag)
    del whole.RescaleIntercept
    whole.save_as(path, enforce_file_format=True)
    return path


def write_pictures(folder, array, ending="png", first=1, window=(-500, 1500), tint=False):
    """Write slices from head to feet as pictures of a window, numbered without leading zeros."""
    image = pytest.importorskip("PIL.Image")
    folder.mkdir(exist_ok=True)
    level, width = window
    grey = np.round(np.clip((array.astype(float) - level) / width + 0.5, 0, 1) * 255).astype(np.uint8)
    for number, plane in enumerate(np.moveaxis(grey[::-1, ::-1, ::-1], 2, 0), first):
        picture = image.fromarray(plane.T)
        if tint:
            picture = image.merge("RGB", [picture, picture.point(lambda level: level // 2), picture])
        picture.save(folder / f"{number}.{ending}")
    return folder


def write_zip(path, folder, prefix="CP/1/2"):
    """Pack the files of a folder into one folder of a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{prefix}/{file.name}")
    return path


def _slice(plane, affine, k, slope=1, intercept=-1024):
    import pydicom

    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    slice_ = pydicom.Dataset()
    slice_.file_meta = meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = slice_.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID = "1.2.3.4"
    slice_.Modality, slice_.PatientID, slice_.SeriesInstanceUID = "CT", "p1", "1.2.3"
    slice_.ImageOrientationPatient = [*(lps[:3, 0] / spacing[0]), *(lps[:3, 1] / spacing[1])]
    slice_.ImagePositionPatient = (lps @ [0, 0, k, 1])[:3].tolist()
    slice_.PixelSpacing = [spacing[1], spacing[0]]
    slice_.Rows, slice_.Columns = plane.shape[1], plane.shape[0]
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 12, 11, 0
    slice_.RescaleSlope, slice_.RescaleIntercept = slope, intercept
    slice_.PixelData = np.round((plane.T.clip(-1024) - float(intercept)) / slope).astype(np.uint16).tobytes()
    return slice_
