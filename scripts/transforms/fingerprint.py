"""A digest of everything that a preprocessed scan depends on."""

import dataclasses
import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform

from scripts.scans import file_stamps

__all__ = ["describe", "fingerprint", "item_stamp", "preprocessing_digest"]

LIBRARIES = ("monai", "nibabel", "numpy", "pydicom", "scipy", "SimpleITK", "torch")
FILE_FIELDS = ("image", "lobes", "lesions")
OUR_CODE = __name__.split(".")[0]
NOT_INVOLVED = {"benchmark.py", "cache.py", "preview.py"}  # of this room: they change no value


def fingerprint(item: Mapping[str, Any], transforms: Iterable[Any]) -> str:
    """Return a digest of an item's files, the transforms' settings and code, and the libraries' versions.

    Every file that is read counts by path, size and time of change (:func:`scripts.scans.file_stamps`). Only
    the keys that the transforms name (``keys``, and ``file_keys`` of what they read beside), and the fields
    that they list as ``item_fields``, are looked at, so a corrected label does not compute its scan anew.

    Args:
        item: of the datalist.
        transforms: the deterministic ones, in order.

    Returns:
        64 hexadecimal digits.
    """
    transforms = list(transforms)
    mapping = [t for t in transforms if isinstance(t, MapTransform)]
    named = {str(key) for t in mapping for key in (*t.keys, *getattr(t, "file_keys", ()))}
    keys = sorted(named & set(item))
    parts = [f"{key}={file_stamps(str(item[key]), item.get('slices'))}" for key in keys]
    fields = sorted({field for t in transforms for field in getattr(t, "item_fields", ())} & set(item))
    parts += [f"{field}: {describe(item[field])}" for field in fields]
    parts += [describe(transform) for transform in transforms]
    parts += [_version(library) for library in LIBRARIES]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def preprocessing_digest(transform: Any) -> str:
    """Return a digest of the settings and the code that take a scan to its grid, whatever the libraries.

    Args:
        transform: a Compose.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256("\n".join(map(describe, transform.transforms)).encode()).hexdigest()


def item_stamp(item: Mapping[str, Any]) -> str:
    """Return a digest of an item's files and fields: another one, and its answer is not the same.

    Args:
        item: of a datalist, or of :func:`scripts.scans.scan_items`.

    Returns:
        64 hexadecimal digits.
    """
    files = [file_stamps(str(item[key]), item.get("slices")) for key in FILE_FIELDS if item.get(key)]
    fields = {key: value for key, value in item.items() if key not in FILE_FIELDS}
    return hashlib.sha256(f"{files} {describe(fields)}".encode("utf-8", "surrogateescape")).hexdigest()


def describe(value: Any) -> str:
    """Return text that is the same in every process for equal settings, unlike ``repr`` and pickles.

    Args:
        value: numbers, text, containers, arrays, functions, dataclasses, and objects of such attributes.
    """
    if value is None or isinstance(value, bool | int | float | str | bytes | Path):
        return repr(value)
    if isinstance(value, np.ndarray | torch.Tensor):
        array = np.ascontiguousarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{describe(k)}: {describe(v)}" for k, v in value.items())) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(describe, value))) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(describe, value)) + "]"
    if isinstance(value, functools.partial):
        return f"{describe(value.func)}{describe(value.args)}{describe(value.keywords)}"
    if hasattr(value, "__qualname__"):
        return _origin(value)
    if dataclasses.is_dataclass(value):
        settings = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        settings = getattr(value, "__dict__", {})
    return f"{_origin(type(value))}{describe(settings)}"


def _origin(kind: Any) -> str:
    """Return a class's or function's full name, and for our own code a digest of its package's source."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    ours = kind.__module__.split(".")[0] == OUR_CODE
    return (
        f"{name}@{source_digest(Path(sys.modules[kind.__module__].__file__ or '').parent)}" if ours else name
    )


@functools.cache
def source_digest(folder: Path) -> str:
    """Return a digest of the Python files of a folder, but for those that change no value."""
    files = [file for file in sorted(folder.rglob("*.py")) if file.name not in NOT_INVOLVED]
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


@functools.cache
def _version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return f"{library} absent"
