import numpy as np
import pytest
import torch

from scripts.errors import UserError
from scripts.networks.spatial_shape import check_input, checked_spatial_shape, halved


@pytest.mark.parametrize(
    "shape", [[96, 96], [96, 96, 96, 1], [96, 0, 96], [96, -1, 96], [96.0, 96, 96], ["96", 96, 96]]
)
def test_anything_but_three_positive_integers_is_refused_by_name(shape):
    with pytest.raises(UserError, match=r"spatial_shape=.*is not three positive integers"):
        checked_spatial_shape(shape, stride=[16, 16, 16])


def test_a_grid_that_shrinks_to_one_voxel_is_refused_and_one_voxel_more_is_taken():
    with pytest.raises(UserError, match=r"spatial_shape=\[16, 16, 8\].*single voxel.*\[16, 16, 8\]"):
        checked_spatial_shape([16, 16, 8], stride=[16, 16, 8])
    assert checked_spatial_shape((16, 16, np.int64(9)), stride=[16, 16, 8]) == [16, 16, 9]


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 47, 96])
def test_halved_is_the_size_that_padded_strided_convolutions_leave(size):
    x = torch.zeros(1, 1, size)  # oracle: torch's own convolutions, one with either of our kernel sizes
    for times in range(4):
        assert halved(size, times) == x.shape[2]
        x = torch.nn.functional.conv1d(x, torch.zeros(1, 1, 3), stride=2, padding=1)
    five = torch.nn.functional.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, 5), stride=2, padding=2)
    assert halved(size, 1) == five.shape[2]


@pytest.mark.parametrize("shape", [(2, 1, 32, 40, 48), (2, 3, 48, 40, 32), (1, 48, 40, 32)])
def test_an_input_of_another_shape_is_refused_with_both_shapes(shape):
    with pytest.raises(ValueError, match=rf"\[{', '.join(map(str, shape))}\].*spatial_shape=\[48, 40, 32\]"):
        check_input(torch.zeros(shape), [48, 40, 32])


def test_any_batch_size_is_taken():
    for batch in (1, 5):
        assert check_input(torch.zeros(batch, 1, 4, 3, 2), [4, 3, 2]) is None
