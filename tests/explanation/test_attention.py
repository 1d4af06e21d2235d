import pytest
import torch

from scripts.errors import UserError
from scripts.explanation import AttentionMap, slice_curve
from scripts.networks import (
    RescaledSpatialAttention,
    attention_maps,
    da_resnet18,
    depth_gates,
    pa_66_m,
    resnet18,
    wa_66,
)

SHAPE = (32, 24, 40)
ANY = torch.zeros(2, dtype=torch.long)


@pytest.mark.parametrize("attention", [None, RescaledSpatialAttention])
def test_even_attention_is_one(attention):
    """Oracle: the mean of S(O) over channels and units, times the number of positions."""
    network = pa_66_m(spatial_shape=SHAPE, **({"attention": attention} if attention else {}))
    x = torch.rand(2, 1, *SHAPE)
    maps = AttentionMap(network, group=2)(x, ANY)
    seen = [m for name, m in attention_maps(network, x).items() if "group_2" in name]
    positions = 8 * 6 * 10 if attention is None else 1
    expected = positions * (seen[0] + seen[1]).mean(dim=1) / 2
    torch.testing.assert_close(maps[:, ::4, ::4, ::4], expected)
    torch.testing.assert_close(expected.mean(dim=(1, 2, 3)), torch.ones(2))


def test_a_group_without_attention_is_refused():
    with pytest.raises(UserError, match="no attention in group 1; it attends in none"):
        AttentionMap(wa_66(spatial_shape=SHAPE))
    with pytest.raises(UserError, match=r"no attention in group 5; it attends in \[1, 2, 3, 4\]"):
        AttentionMap(pa_66_m(spatial_shape=SHAPE), group=5)


def test_the_slice_curve_is_the_mean_gate_put_where_its_slice_is():
    network, x = da_resnet18(spatial_shape=(32, 32, 12)), torch.rand(2, 1, 32, 32, 12)
    curve = slice_curve(network, x)
    assert curve.shape == (2, 12) and (curve > 0).all() and (curve < 1).all()
    first = torch.stack([gates[:, :, 0].mean(dim=1) for gates in depth_gates(network, x).values()])
    torch.testing.assert_close(curve[:, 0], first.mean(dim=0))
    assert slice_curve(resnet18(spatial_shape=(32, 32, 12)), x) is None
