"""A scan on disk -> an image in HU, as a MONAI transform that knows what the item declares."""

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from scripts.scans import DECLARED_FIELDS, Declaration, PatientKeys, read_scan, shown

__all__ = ["LoadScand"]


class LoadScand(MapTransform):
    """Read the scan of an item by :func:`~scripts.scans.read_scan`: a path, or an array and its affine.

    Unlike ``monai.transforms.LoadImaged`` it sees the whole item: its declared slices, series, window and
    geometry decide how the file is read, its ``name`` is what messages show in place of the path. The
    patient of a DICOM series whose item names none gets a key (:class:`~scripts.scans.PatientKeys`).

    Shape:
        - Output: MetaTensor ``(1, X, Y, Z)`` in HU, in the order and integer type of the file, with the
          affine to world mm (RAS+). Its meta holds ``filename_or_obj`` (the name), ``path`` ("" of an array),
          ``series`` (as declared), ``original_affine``, ``flags`` (words parted by spaces), ``intensity``
          ("HU", or the window), ``hounsfield`` (what a declared window can show, or None) and ``patient`` (a
          key, or "").

    Raises:
        RefusedScan: the scan cannot be read, or not as it is declared.
    """

    item_fields = DECLARED_FIELDS  # that decide how a file is read, for the cache's fingerprint

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.read = read_scan
        self.patient_key = PatientKeys()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d: dict[Any, Any] = dict(data)
        for key in self.key_iterator(d):
            path = "" if isinstance(d[key], tuple) else str(d[key])
            name = str(d.get("name") or shown(path) or "array")
            declared = Declaration.of(d, name)
            volume = self.read(d[key], declared, name)
            meta = {
                "filename_or_obj": name,
                "path": path,
                "series": declared.series or "",
                "original_affine": volume.affine.copy(),
                "space": "RAS",
                "flags": " ".join(volume.flags),
                "intensity": declared.intensity,
                "hounsfield": volume.hounsfield,
                "patient": "" if d.get("patient") else self.patient_key(volume.patient),
            }
            voxels = torch.from_numpy(volume.voxels)[None]
            d[key] = MetaTensor(voxels, affine=torch.from_numpy(volume.affine), meta=meta)
        return d
