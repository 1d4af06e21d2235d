import math

import pytest
import torch

from scripts.networks import (
    LearnableSpatialAttention,
    RescaledSpatialAttention,
    SpatialAttention,
    spatial_softmax,
)

SHAPE = (2, 3, 5, 4, 2)


def features(scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    return scale * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def test_softmax_hand_worked_case():
    x = torch.tensor([[0.0, math.log(3)], [math.log(4), 0.0]]).reshape(1, 2, 1, 2, 1)
    expected = torch.tensor([[0.25, 0.75], [0.8, 0.2]]).reshape(1, 2, 1, 2, 1)  # Eq. 6, each channel alone
    torch.testing.assert_close(spatial_softmax(x), expected)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_attention_sums_to_one_over_space_at_any_scale(scale, dtype):
    attention_map = spatial_softmax(features(scale).to(dtype))
    assert attention_map.shape == SHAPE
    assert attention_map.dtype == torch.float32
    torch.testing.assert_close(attention_map.sum(dim=(2, 3, 4)), torch.ones(SHAPE[:2]))


def test_attention_is_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = torch.nn.functional.conv3d(features(), torch.eye(3)[..., None, None, None])
        attention_map = spatial_softmax(half)
    assert half.dtype == torch.bfloat16  # autocast was at work
    assert attention_map.dtype == torch.float32
    torch.testing.assert_close(
        attention_map, half.float().flatten(2).softmax(dim=2).reshape(SHAPE), rtol=0, atol=0
    )


def test_attention_keeps_the_input_s_data_type():
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert SpatialAttention()(features(), features().to(dtype)).dtype == dtype


def test_a_shift_of_all_logits_changes_nothing():
    torch.testing.assert_close(spatial_softmax(features() + 7), spatial_softmax(features()))


def test_memory_layout_changes_nothing_and_is_kept():
    last = torch.channels_last_3d
    got = SpatialAttention()(features().to(memory_format=last), features(seed=1).to(memory_format=last))
    torch.testing.assert_close(got, SpatialAttention()(features(), features(seed=1)))
    assert got.is_contiguous(memory_format=last)


def test_gamma_weighs_the_attention():
    x = features(seed=1)
    torch.testing.assert_close(
        SpatialAttention(gamma=2.5)(features(), x), 2.5 * spatial_softmax(features()) * x
    )
    assert SpatialAttention().gamma == 1
    assert not list(SpatialAttention().parameters())


def test_rescaled_attention_has_mean_one():
    attention, x = RescaledSpatialAttention(), features(seed=1)
    attention_map = attention.attention_map(features())
    torch.testing.assert_close(attention_map.mean(dim=(2, 3, 4)), torch.ones(SHAPE[:2]))
    torch.testing.assert_close(attention(features(), x), 40 * SpatialAttention()(features(), x))


def test_learnable_gamma_starts_at_the_paper_s_one_and_gets_a_gradient():
    attention, x = LearnableSpatialAttention(), features(seed=1)
    torch.testing.assert_close(attention(features(), x), SpatialAttention()(features(), x))
    attention(features(), x).sum().backward()
    torch.testing.assert_close(attention.gamma.grad, (spatial_softmax(features()) * x).sum())
