"""Items as a data set gives them, without a scan behind them."""

import numpy as np
import torch
from monai.data import MetaTensor

SHAPE = (24, 24, 16)
SCAN_AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])  # LPS
SCAN_SHAPE = (48, 46, 30)
ACCEPTED, NOT_FOUND = {"code": "", "message": ""}, {"code": "not_found", "message": "no such file"}
NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]


def item(name, refusal=ACCEPTED, lobes="", flags="", **more):
    """Return an item whose grid is seeded noise that lies inside a scan of SCAN_SHAPE."""
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-46.5, -44.5, 0.5)
    meta = {
        "original_affine": torch.from_numpy(SCAN_AFFINE),
        "original_shape": torch.tensor(SCAN_SHAPE),
        "flags": flags,
        "lobes": lobes,
        "intensity": "HU",
        "path": f"/scans/{name}",
        "series": "",
        "content_hash": "",
    }
    generator = torch.Generator().manual_seed(len(name))
    grid = MetaTensor(torch.rand(1, *SHAPE, generator=generator), affine=torch.from_numpy(affine), meta=meta)
    return {"image": grid, "name": name, "refusal": refusal, **more}
