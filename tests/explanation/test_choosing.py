import pytest
import torch
from bright_cube import BrightnessNetwork

from scripts.explanation import (
    ClassActivation,
    GradCAM,
    Occlusion,
    TypeGradCAM,
    all_methods,
    default_method,
    slice_curve,
)
from scripts.networks import da_ca_resnet18, pa_66_m, resnet18, sa_66, wa_66_m

SHAPE = (32, 32, 24)


@pytest.mark.parametrize(
    ("build", "method"),
    [(pa_66_m, TypeGradCAM), (wa_66_m, TypeGradCAM), (sa_66, GradCAM), (resnet18, ClassActivation)],
)
def test_each_network_is_explained_as_its_paper_does(build, method):
    assert type(default_method(build(spatial_shape=SHAPE))) is method


def test_any_other_classifier_is_occluded():
    assert type(default_method(BrightnessNetwork())) is Occlusion


def test_all_methods_have_names_of_their_own():
    names = [
        method.name
        for method in all_methods(pa_66_m(spatial_shape=SHAPE), occlusion=True, stages=["transition_2"])
    ]
    groups = [f"attention_group_{group}" for group in range(1, 5)]
    assert names == [
        "grad_cam_type",
        "grad_cam_detection",
        "grad_cam_type_transition_2",
        *groups,
        "occlusion",
    ]
    assert [method.name for method in all_methods(resnet18(spatial_shape=SHAPE))] == ["cam"]
    assert [method.name for method in all_methods(BrightnessNetwork(), occlusion=True)] == ["occlusion"]


@pytest.mark.parametrize(("build", "methods"), [(pa_66_m, 6), (da_ca_resnet18, 1), (sa_66, 5)])
def test_every_method_works_where_gradients_are_off_and_leaves_the_network_as_it_was(build, methods):
    """Gradients off as in MONAI's evaluator; outputs, scripted outputs, weights, hooks and mode compared."""
    network, x = build(spatial_shape=SHAPE), torch.rand(2, 1, *SHAPE)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        answer, scripted = (each.eval()(x) for each in (network, torch.jit.script(network)))
        network.train()
        maps = [method(x, torch.tensor([2, 0])) for method in all_methods(network)]
        slice_curve(network, x)
        assert not torch.is_grad_enabled() and network.training
        assert len(maps) == methods and not any(seen.requires_grad for seen in maps)
        assert torch.equal(network.eval()(x), answer)
        assert torch.equal(torch.jit.script(network)(x), scripted)
    for module in network.modules():
        assert not (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
