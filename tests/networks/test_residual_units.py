import math
from functools import partial

import pytest
import torch
from torch import nn

from scripts.networks import BranchPair, PriorAttentionUnit, ResidualUnit, SelfAttentionUnit, SpatialAttention
from scripts.networks.residual_units import convolution

LOG3 = math.log(3)
UNITS = [ResidualUnit, partial(SelfAttentionUnit, attention=SpatialAttention())]


def volume(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, len(values), 1)


def with_doubling_residual(unit: nn.Module) -> nn.Module:
    for part in unit.modules():
        if isinstance(part, ResidualUnit):
            part.residual = nn.Identity()
            part.residual.forward = lambda x: 2 * x
    return unit


def test_warl_hand_worked_case():
    unit = with_doubling_residual(ResidualUnit(2))  # h(x) = 2x
    torch.testing.assert_close(unit(volume(-1, 3)), volume(-3, 9))


def test_sarl_hand_worked_case():
    unit = with_doubling_residual(SelfAttentionUnit(2, SpatialAttention()))
    x = volume(1, 1 + LOG3 / 2)  # h(x) = (2, 2 + log 3), so S(h(x)) = (1/4, 3/4)
    torch.testing.assert_close(unit(x), volume(3.25, 3.75 * (1 + LOG3 / 2)))


def test_parl_hand_worked_case():
    unit = with_doubling_residual(PriorAttentionUnit(2, SpatialAttention()))
    detection, pneumonia_type = unit(volume(1, 1 + LOG3 / 2), volume(4, 8))
    torch.testing.assert_close(detection, volume(3, 3 + 3 * LOG3 / 2))
    # the prior is h1(x1), not h2(x2)
    torch.testing.assert_close(pneumonia_type, volume(12 + 4 / 4, 24 + 8 * 3 / 4))


def test_residual_hand_worked_case():
    unit = ResidualUnit(2).eval()  # normalisation with mean 0 and variance 1 changes nothing but 1e-5
    first, second, third = (block[0] for block in unit.residual)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([1.0, 1.0]).reshape(1, 2, 1, 1, 1))  # sum of the channels
        second.weight.fill_(1)  # sum of the 27 neighbours, twice
        third.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, -2.0]]).reshape(2, 2, 1, 1, 1))
        first.bias.fill_(1), second.bias.fill_(2), third.bias.zero_()
    x = torch.zeros(1, 2, 5, 4, 3)
    x[0, :, 2, 1, 1] = torch.tensor([3.0, -1.0])
    near = torch.zeros(5, 4, 3)
    near[1:4, 0:3, 0:3] = 2  # 3 - 1, seen by every neighbour
    inside = nn.functional.conv3d(torch.ones(1, 1, 5, 4, 3), torch.ones(1, 1, 3, 3, 3), padding=1)[0, 0]
    h = near + inside + 2  # the first bias, once for each neighbour inside the volume, and the second
    expected = x + torch.stack([h, torch.zeros_like(h)])  # h - 2h is negative
    torch.testing.assert_close(unit(x), expected, rtol=1e-4, atol=1e-4)


def test_convolutions_are_narrowed_to_half_by_the_first():
    convolutions = [module for module in ResidualUnit(8).modules() if isinstance(module, nn.Conv3d)]
    kernels = [(c.in_channels, c.out_channels, c.kernel_size, c.bias is not None) for c in convolutions]
    assert kernels == [(8, 4, (1, 1, 1), True), (4, 8, (3, 3, 3), True), (8, 8, (1, 1, 1), True)]


def test_convolution_is_followed_by_normalisation_and_relu_and_starts_as_he_proposed():
    torch.manual_seed(0)
    convolve, normalise, relu = convolution(16, 24, kernel_size=3, stride=2)
    assert isinstance(normalise, nn.BatchNorm3d)
    assert isinstance(relu, nn.ReLU)
    assert convolve.weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 27)), rel=0.02)  # fan-in
    assert convolve.bias.count_nonzero() == 0


@pytest.mark.parametrize("unit", UNITS)
def test_an_odd_number_of_channels_is_refused(unit):
    with pytest.raises(ValueError, match="channels=5 is not even"):
        unit(5)


def test_pair_keeps_its_branches_apart():
    pair = BranchPair(nn.Identity(), nn.Flatten())
    x1, x2 = torch.rand(1, 2, 4, 3, 2), torch.rand(1, 2, 4, 3, 2)
    detection, pneumonia_type = pair(x1, x2)
    assert detection is x1
    torch.testing.assert_close(pneumonia_type, x2.flatten(1))


@pytest.mark.parametrize("make", [*UNITS, partial(PriorAttentionUnit, attention=SpatialAttention())])
def test_the_input_is_not_changed(make):
    unit = make(4)
    inputs = [torch.randn(2, 4, 4, 3, 2) for _ in range(2 if isinstance(unit, PriorAttentionUnit) else 1)]
    copies = [x.clone() for x in inputs]
    unit(*inputs)
    torch.testing.assert_close(inputs, copies, rtol=0, atol=0)


def test_type_branch_alone_sends_gradients_through_the_prior():
    torch.manual_seed(0)
    unit = PriorAttentionUnit(4, SpatialAttention())
    _, pneumonia_type = unit(torch.randn(2, 4, 5, 4, 3), torch.randn(2, 4, 5, 4, 3))
    pneumonia_type.pow(2).sum().backward()
    assert all(p.grad.abs().max() > 1e-4 for p in unit.detection.parameters() if p.ndim == 5)


def test_detection_branch_sees_nothing_of_the_type_branch():
    unit = PriorAttentionUnit(4, SpatialAttention()).eval()
    x1, x2 = torch.randn(1, 4, 5, 4, 3), torch.randn(1, 4, 5, 4, 3)
    torch.testing.assert_close(unit(x1, x2)[0], unit(x1, x2 + 1)[0], rtol=0, atol=0)
    torch.testing.assert_close(unit(x1, x2)[0], unit.detection(x1), rtol=0, atol=0)


@pytest.mark.parametrize("make", [SelfAttentionUnit, PriorAttentionUnit])
def test_autocast_changes_no_more_than_its_rounding(make):
    torch.manual_seed(0)
    unit = make(4, SpatialAttention())
    inputs = [torch.randn(2, 4, 5, 4, 3) for _ in range(2 if make is PriorAttentionUnit else 1)]
    expected = unit(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = unit(*inputs)
    torch.testing.assert_close(got, expected, rtol=0.05, atol=0.05, check_dtype=False)
