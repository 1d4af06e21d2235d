import numpy as np
import pytest
from tilted_axes import SHAPE, affine_in

from scripts.phantoms.dicom_series import write_dicom_series


@pytest.fixture(params=[("LPS", 17.0), ("LPI", 0.0), ("RAS", 9.0)], ids=lambda p: f"{p[0]}-{p[1]:g}")
def placed(request, tmp_path):
    """A DICOM series in shuffled order: folder, HU, affine (RAS+)."""
    voxels = np.random.default_rng(0).integers(-1000, 400, SHAPE).astype(np.int16)
    affine = affine_in(*request.param)
    write_dicom_series(voxels, affine, tmp_path / "series", seed=3)
    return tmp_path / "series", voxels, affine
