import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from scripts.scans import resampling
from scripts.scans.resampling import axis_weights, resample


def whole(shape):
    return np.full(3, -0.5), np.array(shape) - 0.5


def test_halving_four_samples_by_hand():
    # centres 0.5 and 2.5, triangle of support 2: 1 - |j - c| / 2 = 3/4, 3/4, 1/4, normalised by 7/4
    expected = torch.tensor([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7
    torch.testing.assert_close(axis_weights(4, -0.5, 3.5, 2), expected)


def test_doubling_two_samples_by_hand():
    # centres -1/4, 1/4, 3/4, 5/4: linear between the samples, the nearest sample beyond them
    expected = torch.tensor([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    torch.testing.assert_close(axis_weights(2, -0.5, 1.5, 4), expected)


def test_rows_outside_the_samples_are_zero():
    weights = axis_weights(4, -2.5, 5.5, 8)  # centres -2, -1, 0, ... 5
    torch.testing.assert_close(weights[2:6], torch.eye(4))
    assert weights[[0, 1, 6, 7]].eq(0).all()


@pytest.mark.parametrize("size", [(7, 9), (23, 31), (40, 18), (13, 50)])
def test_agrees_with_torch_antialiased_interpolation_in_plane(size):
    volume = torch.randn(24, 30, 5)
    ours = resample(volume.numpy(), *whole(volume.shape), (*size, 5))
    slices = volume.double().permute(2, 0, 1)[None]
    theirs = interpolate(slices, size=size, mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(ours, theirs[0].permute(1, 2, 0).float(), rtol=0, atol=2e-6)


def test_enlarging_agrees_with_trilinear_interpolation():
    volume = torch.randn(6, 8, 5)
    theirs = interpolate(volume[None, None], size=(9, 20, 11), mode="trilinear", align_corners=False)
    torch.testing.assert_close(resample(volume.numpy(), *whole(volume.shape), (9, 20, 11)), theirs[0, 0])


def test_a_cut_of_whole_voxels_is_copied():
    volume = torch.randn(9, 8, 7)
    cut = resample(volume.numpy(), (1.5, 0.5, 2.5), (6.5, 7.5, 5.5), (5, 7, 3))
    torch.testing.assert_close(cut, volume[2:7, 1:8, 3:6])


def test_beyond_the_input_lies_the_fill_value():
    volume = np.ones((4, 5, 6), dtype=np.int16)
    result = resample(volume, (-2.5, -0.5, -0.5), (3.5, 6.5, 5.5), (6, 7, 6), fill=-1024)
    assert result[:2].eq(-1024).all()
    assert result[:, 5:].eq(-1024).all()
    torch.testing.assert_close(result[2:, :5], torch.ones(4, 5, 6))


def test_values_below_the_floor_are_raised_before_they_mix():
    volume = np.array([-3000, -1024, 0, 0], dtype=np.int16)[:, None, None] * np.ones(
        (1, 2, 3), dtype=np.int16
    )
    result = resample(volume, *whole(volume.shape), (2, 2, 3), floor=-1024)
    torch.testing.assert_close(result[:, 0, 0], torch.tensor([-1024 * 6 / 7, -1024 / 7]))


def test_chunks_and_bands_do_not_change_the_result(monkeypatch):
    volume = np.random.default_rng(0).integers(-1000, 1000, (20, 17, 33)).astype(np.int16)
    box = (-1.2, 2.3, 0.4), (18.1, 15.0, 31.7)
    expected = resample(volume, *box, (7, 19, 11))
    monkeypatch.setattr(resampling, "CHUNK_VOXELS", 1)
    monkeypatch.setattr(resampling, "BAND_ROWS", 3)
    torch.testing.assert_close(resample(volume, *box, (7, 19, 11)), expected, rtol=1e-5, atol=1e-3)


def test_a_view_gives_the_same_bits_as_its_copy():
    volume = np.random.default_rng(0).integers(-1000, 1000, (20, 17, 33)).astype(np.int16)
    view = volume.transpose(2, 0, 1)[::-1, :, ::-1]
    arguments = (0.3, -1, 2), (30.2, 19, 15), (11, 9, 6)
    assert torch.equal(resample(view, *arguments), resample(view.copy(), *arguments))
