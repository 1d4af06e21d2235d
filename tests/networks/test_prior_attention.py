from functools import partial

import pytest
import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import (
    MultiTaskLogits,
    SpatialAttention,
    attention_maps,
    pa_66_m,
    sa_66,
    sa_66_m,
    wa_66,
    wa_66_m,
)

SHAPE = (32, 24, 20)
MULTI_TASK = [wa_66_m, sa_66_m, pa_66_m]
no_attention = partial(SpatialAttention, gamma=0.0)


def grids(batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, 1, *SHAPE, generator=torch.Generator().manual_seed(0))


def with_weights_of(source: nn.Module, network: nn.Module) -> nn.Module:
    network.load_state_dict(source.state_dict())
    return network.eval()


@pytest.fixture(scope="module")
def without_attention() -> nn.Module:
    """Return WA-66-M with batch statistics of its own input, as after training."""
    torch.manual_seed(0)
    network = wa_66_m(spatial_shape=SHAPE)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        network(grids())
    return network.eval()


def kernels(network: nn.Module) -> list[tuple[int, ...]]:
    return [
        (c.out_channels, c.kernel_size[0], c.stride[0]) for c in network.modules() if isinstance(c, nn.Conv3d)
    ]


def test_one_branch_has_the_66_convolutions_of_table_1():
    unit = lambda c: [(c // 2, 1, 1), (c, 3, 1), (c, 1, 1)]  # noqa: E731
    step = lambda c: [(c, 3, 2), (c, 3, 1)]  # noqa: E731
    expected = [(16, 5, 2), *3 * unit(16), *step(32), *4 * unit(32), *step(64), *9 * unit(64)]
    expected += [*step(128), *3 * unit(128), *step(256)]
    assert kernels(wa_66(spatial_shape=SHAPE)) == kernels(sa_66(spatial_shape=SHAPE)) == expected
    assert len(expected) == 66


@pytest.mark.parametrize("preset", MULTI_TASK)
def test_two_branches_have_66_convolutions_of_table_1(preset):
    network = preset(spatial_shape=SHAPE)
    assert len(kernels(network)) == 66
    for branch in ("detection", "pneumonia_type"):
        own = [module for name, module in network.named_modules() if name.endswith(f".{branch}")]
        assert len(kernels(nn.ModuleList(own))) == 33


def test_eval_mode_gives_one_tensor_and_training_mode_three(without_attention):
    network = with_weights_of(without_attention, pa_66_m(spatial_shape=SHAPE))
    combined, logits = network(grids()), network.all_logits(grids())
    assert isinstance(logits, MultiTaskLogits)
    torch.testing.assert_close(combined, logits.combined, rtol=0, atol=0)
    assert [tuple(task.shape) for task in logits] == [(2, 2), (2, 2), (2, 3)]
    trained = network.train()(grids())
    assert isinstance(trained, MultiTaskLogits)
    assert trained._fields == ("detection", "pneumonia_type", "combined")


@pytest.mark.parametrize("preset", [sa_66_m, pa_66_m])
def test_without_gamma_attention_networks_equal_the_one_without_attention(preset, without_attention):
    network = with_weights_of(without_attention, preset(spatial_shape=SHAPE, attention=no_attention))
    torch.testing.assert_close(
        network.all_logits(grids()), without_attention.all_logits(grids()), rtol=0, atol=0
    )


def test_without_gamma_sa_66_equals_wa_66():
    network = wa_66(spatial_shape=SHAPE).eval()
    attending = with_weights_of(network, sa_66(spatial_shape=SHAPE, attention=no_attention))
    torch.testing.assert_close(attending(grids(1)), network(grids(1)), rtol=0, atol=0)


@pytest.mark.parametrize("preset", [sa_66_m, pa_66_m])
def test_attention_reaches_the_type_branch_only(preset, without_attention):
    network = with_weights_of(without_attention, preset(spatial_shape=SHAPE))
    logits, expected = network.all_logits(grids()), without_attention.all_logits(grids())
    torch.testing.assert_close(logits.detection, expected.detection, rtol=0, atol=0)
    assert not torch.allclose(logits.pneumonia_type, expected.pneumonia_type, rtol=1e-4)


@pytest.mark.parametrize(("preset", "branch"), [(sa_66_m, "pneumonia_type"), (pa_66_m, "detection")])
def test_attention_looks_at_the_residual_of(preset, branch, without_attention):
    network = with_weights_of(without_attention, preset(spatial_shape=SHAPE))
    residuals = []
    part = network.stages.group_2_unit_1.get_submodule(branch)
    part.residual.register_forward_hook(lambda module, inputs, output: residuals.append(output))
    maps = attention_maps(network, grids())
    name = (
        "stages.group_2_unit_1.attention"
        if preset is pa_66_m
        else "stages.group_2_unit_1.pneumonia_type.attention"
    )
    torch.testing.assert_close(maps[name], residuals[0].flatten(2).softmax(dim=2).view_as(residuals[0]))


@pytest.mark.parametrize("preset", MULTI_TASK)
def test_type_loss_reaches_the_detection_branch_through_prior_attention_alone(preset):
    torch.manual_seed(0)
    network = preset(spatial_shape=SHAPE)
    logits = network(grids())
    nn.functional.cross_entropy(logits.pneumonia_type, torch.tensor([0, 1])).backward()
    convolutions = [
        parameter.grad
        for name, parameter in network.named_parameters()
        if parameter.ndim == 5 and ".detection." in name and "transition_4" not in name
    ]
    assert len(convolutions) == 31
    if preset is pa_66_m:
        assert all(gradient.abs().max() > 0 for gradient in convolutions)
    else:
        assert all(gradient is None for gradient in convolutions)


@pytest.mark.parametrize("branch", ["detection", "type"])
def test_each_task_has_its_own_branch_and_head(branch, without_attention):
    names = [f"{owner}_{part}" for owner in ("detection", "type") for part in ("features.1", "head")]
    weights = [without_attention.get_submodule(name).weight for name in names]
    logits = without_attention.all_logits(grids())
    answer = logits.detection if branch == "detection" else logits.pneumonia_type
    gradients = torch.autograd.grad(answer.sum(), weights, allow_unused=True)
    reached = [name for name, gradient in zip(names, gradients, strict=True) if gradient is not None]
    assert reached == [f"{branch}_features.1", f"{branch}_head"]


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_no_nan_at_any_scale_of_the_input(scale):
    network = pa_66_m(spatial_shape=SHAPE)
    logits = network(scale * grids())
    sum(task.sum() for task in logits).backward()
    assert all(task.isfinite().all() for task in logits)
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("preset", MULTI_TASK)
@pytest.mark.parametrize("num_classes", [3, 4, 6])
def test_the_type_branch_tells_all_classes_but_the_negative_one_apart(preset, num_classes):
    with torch.device("meta"):
        network = preset(num_classes=num_classes, spatial_shape=SHAPE)
        logits = network(torch.zeros(2, 1, *SHAPE))
    assert [head.shape[1] for head in logits] == [2, num_classes - 1, num_classes]


@pytest.mark.parametrize("preset", MULTI_TASK)
@pytest.mark.parametrize("num_classes", [1, 2])
def test_a_multi_task_network_refuses_two_classes_and_names_what_fits(preset, num_classes):
    with pytest.raises(
        UserError, match=r"nothing to tell apart.* wa_66, sa_66, resnet18, .* da_ca_resnet18$"
    ):
        preset(num_classes=num_classes, spatial_shape=SHAPE)


@pytest.mark.parametrize("preset", [wa_66, sa_66])
def test_a_network_with_one_output_takes_two_classes(preset):
    with torch.device("meta"):
        network = preset(num_classes=2, spatial_shape=SHAPE)
        assert network(torch.zeros(2, 1, *SHAPE)).shape == (2, 2)
