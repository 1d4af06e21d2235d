import json

import numpy as np
import pytest
import torch
from monai.transforms import Compose

from scripts.errors import UserError
from scripts.lobes import LobesToGridd, check_lobe_masks, lobe_augmentation
from scripts.transforms import LungRegion, preprocessing

GRID = (40, 32, 36)


@pytest.fixture(scope="module")
def item(phantoms):
    first = json.loads((phantoms / "datalist.json").read_text())["test"][0]
    steps = Compose([preprocessing(LungRegion(), GRID), LobesToGridd()]).flatten()
    return steps({key: str(phantoms / first[key]) for key in ("image", "lobes")})


def test_lobes_lie_where_the_scans_grid_shows_lung(item):
    image, lobes = item["image"].as_tensor(), item["lobes"].as_tensor()
    assert lobes.shape == image.shape == (1, *GRID) and lobes.dtype == torch.int64
    assert set(lobes.unique().tolist()) == {0, 1, 2, 3, 4, 5}
    assert image[lobes > 0].median() < 0.4  # -650 HU
    assert image[lobes == 0].median() > 0.6  # -350 HU


def test_the_lobes_of_the_left_lung_lie_on_the_left(item):
    right, left = (
        torch.isin(item["lobes"][0], torch.tensor(n)).nonzero()[:, 0].float().mean()
        for n in ([3, 4, 5], [1, 2])
    )
    assert left + 10 < right


def test_augmentation_moves_scan_and_lobes_together(item):
    both = {"image": (item["lobes"] > 0).float(), "lobes": item["lobes"]}
    turn = lobe_augmentation()[0]
    turn.set_random_state(3)
    moved = turn(both)
    assert not torch.equal(moved["lobes"].as_tensor(), both["lobes"].as_tensor())
    agree = (moved["image"][0] > 0.5) == (moved["lobes"][0] > 0)
    assert agree.float().mean() > 0.97
    assert set(np.unique(moved["lobes"])) <= {0, 1, 2, 3, 4, 5}


def test_a_scan_without_a_mask_is_named_before_training():
    parts = {
        "train": [{"name": "a.nii", "lobes": "m"}],
        "select": [{"name": "b.nii"}],
        "report": [{"name": "c"}],
    }
    with pytest.raises(UserError, match=r"b.nii: 1 of 2 scans have no `lobes`"):
        check_lobe_masks(parts)
