"""Rewrites the files of a DICOM series as other writers would have stored them."""

import gzip
import io

import numpy as np
import pydicom
from pydicom.config import disable_value_validation
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

SYNTAXES = {
    "implicit little endian": "1.2.840.10008.1.2",
    "explicit little endian": "1.2.840.10008.1.2.1",
    "explicit big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "RLE": "1.2.840.10008.1.2.5",
}


def rewritten(folder, change):
    """Apply a change, dataset -> bytes, to every file of a folder."""
    for file in folder.iterdir():
        file.write_bytes(change(pydicom.dcmread(file)))
    return folder


def as_bytes(dataset):
    content = io.BytesIO()
    pydicom.dcmwrite(content, dataset, enforce_file_format=True)
    return content.getvalue()


def in_syntax(name):
    """Return a change that stores the pixels in another transfer syntax."""
    syntax = UID(SYNTAXES[name])

    def change(dataset):
        if name == "RLE":
            dataset.compress(syntax, encoding_plugin="pydicom")
            return as_bytes(dataset)
        if name == "explicit big endian":
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        content = io.BytesIO()
        dataset.file_meta.TransferSyntaxUID = syntax
        little, implicit = syntax.is_little_endian, syntax.is_implicit_VR
        fresh = pydicom.Dataset(dataset)
        fresh.file_meta = dataset.file_meta
        fresh.preamble = bytes(128)
        fresh["PixelData"].VR = "OW"
        pydicom.dcmwrite(content, fresh, little_endian=little, implicit_vr=implicit, enforce_file_format=True)
        return content.getvalue()

    return change


def bare(implicit):
    """Return a change that drops preamble and meta header, as older archives and planning systems do."""

    def change(dataset):
        fresh = pydicom.Dataset(dataset)
        memory = DicomBytesIO()
        memory.is_little_endian, memory.is_implicit_VR = True, implicit
        write_dataset(memory, fresh)
        return memory.getvalue()

    return change


def packed(dataset):
    return gzip.compress(as_bytes(dataset))


def with_tags(**tags):
    """Return a change that sets tags, or drops those that are None."""

    def change(dataset):
        with disable_value_validation():
            for tag, value in tags.items():
                if value is not None:
                    setattr(dataset, tag, value)
                elif tag in dataset:
                    delattr(dataset, tag)
            return as_bytes(dataset)

    return change


def write_dicomdir(path):
    """Write the table of contents of a disc, empty."""
    directory = pydicom.Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = SYNTAXES["explicit little endian"]
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.FileSetID, directory.FileSetConsistencyFlag, directory.DirectoryRecordSequence = "DISC", 0, []
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.save_as(path, enforce_file_format=True)
    return path
