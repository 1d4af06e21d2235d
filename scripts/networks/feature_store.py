"""Features of scans that were encoded before, by the content of their grids."""

import hashlib
from pathlib import Path

import numpy as np
import torch

from scripts.files import write_whole

__all__ = ["FeatureStore"]


class FeatureStore:
    """Keep features in memory, and in a folder where one is named: no scan is encoded twice.

    A feature is found by the voxels that the encoder would see, so a scan has one entry whatever its name,
    folder and format, and a change of what comes before the encoder never finds an old one. A file is a
    NumPy array and appears by an atomic rename; runs may share the folder, and an interrupted one goes on.

    Args:
        folder: made where it is missing; None keeps features in memory only.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.known: dict[str, torch.Tensor] = {}

    @staticmethod
    def key(grid: torch.Tensor, encoder: str) -> str:
        """Return the name of a grid's entry, 64 hexadecimal digits.

        Args:
            grid: what the encoder sees of one scan.
            encoder: all that its features depend on besides: the weights' hash, and the precision.
        """
        voxels = np.ascontiguousarray(grid.detach().cpu().numpy())
        digest = hashlib.sha256(f"{encoder} {voxels.dtype} {voxels.shape}\n".encode())
        digest.update(voxels.data)
        return digest.hexdigest()

    def find(self, key: str) -> torch.Tensor | None:
        """Return a feature, ``(C,)``, or None where there is none or its file is damaged."""
        if key not in self.known and self.folder is not None:
            try:
                self.known[key] = torch.from_numpy(np.load(self.folder / f"{key}.npy", allow_pickle=False))
            except (OSError, ValueError, EOFError):
                return None
        return self.known.get(key)

    def keep(self, key: str, feature: torch.Tensor) -> None:
        """Add a feature, ``(C,)``."""
        self.known[key] = feature.detach().cpu().clone()
        if self.folder is not None:
            write_whole(self.folder / f"{key}.npy", lambda file: np.save(file, self.known[key].numpy()))
