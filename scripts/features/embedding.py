"""Scans -> features of an encoder, each scan encoded once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from torch.utils.data import DataLoader

from scripts.datalists import read_datalist
from scripts.errors import UserError
from scripts.files import write_whole
from scripts.networks import FrozenEncoder
from scripts.processes import loading_processes
from scripts.scans import scan_items
from scripts.transforms import ScanDataset, voxels_per_scan

__all__ = ["Features", "embed", "items_to_encode", "joined"]

TEXTS = ("name", "patient", "source", "flags", "refusal", "content_hash")
UNKNOWN = -1  # the label of a scan without one


@dataclass(frozen=True, eq=False)
class Features:
    """What an encoder sees in scans: one row each, also for a refused one, whose feature is NaN.

    Attributes:
        values: float32, ``(N, C)``.
        labels: ``(N,)`` class indices; -1 where a scan has none.
        name: of each scan, as outputs show it.
        patient: whose it is; a scan without a patient is its own.
        source: where it comes from, or "".
        flags: words parted by spaces.
        refusal: why it was refused, or "".
        content_hash: of the scan's voxels (:class:`scripts.scans.Scan`); "" of a refused one.
        encoder: name and SHA-256 of the encoder, and its precision.
    """

    values: np.ndarray
    labels: np.ndarray
    name: tuple[str, ...]
    patient: tuple[str, ...]
    source: tuple[str, ...]
    flags: tuple[str, ...]
    refusal: tuple[str, ...]
    content_hash: tuple[str, ...]
    encoder: str

    def __len__(self) -> int:
        return len(self.name)

    def subset(self, chosen: np.ndarray) -> "Features":
        """Return some of the rows.

        Args:
            chosen: their indices, or a boolean for each row.
        """
        rows = np.arange(len(self))[chosen]
        texts = {key: tuple(getattr(self, key)[row] for row in rows) for key in TEXTS}
        return Features(self.values[rows], self.labels[rows], **texts, encoder=self.encoder)

    def accepted(self) -> "Features":
        """Return the rows of scans that were not refused."""
        return self.subset(np.array([not reason for reason in self.refusal], dtype=bool))

    def write(self, path: str | Path) -> None:
        """Write them as one NumPy archive."""
        arrays = {"values": self.values, "labels": self.labels, "encoder": np.array(self.encoder)}
        arrays |= {key: np.array(getattr(self, key), dtype=np.str_) for key in TEXTS}
        write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> "Features":
        """Read what :meth:`write` wrote.

        Raises:
            UserError: it is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                texts = {key: tuple(stored[key].tolist()) for key in TEXTS}
                return cls(stored["values"], stored["labels"], **texts, encoder=str(stored["encoder"]))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"{path}: no features ({type(error).__name__}); expected what "
                f"`python -m scripts embed` writes"
            ) from error


def items_to_encode(
    scans: str | Sequence[str], declared: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return the items of scans, or those of datalists with their labels.

    Args:
        scans: files, folders and zips; or ``datalist.json`` files.
        declared: what the scans do not say of themselves, see :func:`scripts.scans.scan_items`.

    Raises:
        UserError: there are none, or both kinds.
    """
    paths = [scans] if isinstance(scans, str) else [str(path) for path in scans]
    datalists = [path for path in paths if path.endswith(".json")]
    if datalists and len(paths) > len(datalists):
        raise UserError("scans and datalists together: encode them one after the other, into one output_dir")
    if datalists:
        lists = [read_datalist(path, refuse_overlap=False) for path in datalists]
        items = [item for parts in lists for part in parts.values() for item in part]
    else:
        items = scan_items(paths, declared or {})
    if not items:
        raise UserError(f"no scans in {', '.join(paths)}; expected CT of the chest")
    return items


def embed(
    items: Sequence[Mapping[str, Any]],
    encoder: FrozenEncoder,
    steps: Compose,
    device: torch.device | str = "cpu",
    num_workers: int = 0,
) -> Iterator[Features]:
    """Encode scans, one after another; those whose grid is in the encoder's store are only read.

    Args:
        items: each with ``image``, a path that :func:`scripts.scans.read_scan` takes, and where known
            ``name``, ``patient``, ``label``, ``source`` and what the scan does not say of itself.
        encoder: moved to the device.
        steps: from an item to its grid, as :func:`scripts.transforms.preprocessing` gives them for the
            encoder's region, grid and window.
        device: that encodes.
        num_workers: processes that read scans, where shared memory has room; 0 reads in this one.

    Yields:
        one row for each item, in their order.
    """
    encoder = encoder.to(device)
    dataset = ScanDataset([dict(item) for item in items], steps, keep_refused=True)
    workers = loading_processes(num_workers, 1, voxels_per_scan(steps))
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    named = f"{encoder.encoder.name} {encoder.sha256} {encoder.precision}"
    for item, seen in zip(items, loader, strict=True):
        grid, reason = seen["image"], seen["refusal"]
        if reason["code"]:
            feature = torch.full((encoder.encoder.channels,), torch.nan)
        else:
            with torch.inference_mode():
                feature = encoder.features(grid.as_tensor()[None].to(device))[0].cpu()
        yield _row(item, feature, grid.meta, reason, named)


def joined(rows: Sequence[Features]) -> Features:
    """Return rows of one encoder as one table.

    Raises:
        UserError: there are none, or they come from different encoders.
    """
    encoders = {row.encoder for row in rows}
    if len(encoders) != 1:
        raise UserError(f"features of {len(encoders)} encoders; expected scans, encoded by one")
    texts = {key: tuple(text for row in rows for text in getattr(row, key)) for key in TEXTS}
    values, labels = (np.concatenate([getattr(row, key) for row in rows]) for key in ("values", "labels"))
    return Features(values, labels, **texts, encoder=encoders.pop())


def _row(
    item: Mapping[str, Any],
    feature: torch.Tensor,
    meta: Mapping[str, Any],
    reason: Mapping[str, str],
    encoder: str,
) -> Features:
    name = str(item.get("name") or item["image"])
    return Features(
        values=feature.float().numpy()[None],
        labels=np.array([item.get("label", UNKNOWN)]),
        name=(name,),
        patient=(str(item.get("patient") or name),),
        source=(str(item.get("source") or ""),),
        flags=(str(meta.get("flags", "")),),
        refusal=(f"[{reason['code']}] {reason['message']}" if reason["code"] else "",),
        content_hash=(str(meta.get("content_hash", "")),),
        encoder=encoder,
    )
