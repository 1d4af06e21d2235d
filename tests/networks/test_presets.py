"""What all nine networks promise."""

import pytest
import torch
from torch import nn

import scripts.networks as networks
from scripts.errors import UserError
from scripts.networks import LearnableSpatialAttention, MultiTaskLogits, RescaledSpatialAttention

# Wang et al. count BN's running mean and variance as parameters, Shi et al. do not.
PARL = {
    "wa_66": 15_959_851,
    "sa_66": 15_959_851,
    "wa_66_m": 15_988_903,
    "sa_66_m": 15_988_903,
    "pa_66_m": 15_988_903,
}
DUAL = {
    "resnet18": 33_148_995,
    "ca_resnet18": 33_238_075,
    "da_resnet18": 35_148_083,
    "da_ca_resnet18": 35_237_163,
}
NAMES = [*PARL, *DUAL]
SMALL = (24, 20, 12)
SOME_AND_SLOWLY_ALL = [
    name if name in ("pa_66_m", "da_ca_resnet18") else pytest.param(name, marks=pytest.mark.slow)
    for name in NAMES
]
ATTENDING = ["sa_66", "sa_66_m", "pa_66_m"]


def small(name: str, **settings) -> nn.Module:
    torch.manual_seed(0)
    return getattr(networks, name)(**{"spatial_shape": SMALL} | settings)


def grids(batch: int = 2, shape: tuple[int, ...] = SMALL) -> torch.Tensor:
    return torch.rand(batch, 1, *shape, generator=torch.Generator().manual_seed(0))


def trained(name: str) -> nn.Module:
    """Return a network in eval mode whose batch normalisations know their input."""
    network = small(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        network(grids())
    return network.eval()


@pytest.mark.parametrize(("name", "count"), PARL.items())
def test_parameter_count_of_wang_et_al(name, count):
    with torch.device("meta"):
        network = getattr(networks, name)()
    running = [value for key, value in network.named_buffers() if "running_" in key]
    assert sum(value.numel() for value in [*network.parameters(), *running]) == count


@pytest.mark.parametrize(("name", "count"), DUAL.items())
def test_parameter_count_of_shi_et_al(name, count):
    with torch.device("meta"):
        network = getattr(networks, name)()
    assert sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad) == count


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_finite_gradient_and_only_cancelled_biases_have_none(name):
    shape = {"pa_66_m": (48, 40, 32), "da_ca_resnet18": (64, 48, 16)}.get(name, SMALL)
    network = small(name, spatial_shape=shape)
    logits = network(grids(shape=shape))
    tasks = logits if isinstance(logits, MultiTaskLogits) else [logits]
    sum(nn.functional.cross_entropy(task, torch.tensor([0, 1])) for task in tasks).backward()
    normalised = {f"{key}.bias" for key, layer in network.named_modules() if isinstance(layer, nn.Conv3d)}
    for key, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), key
        assert key in normalised or parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", NAMES)
def test_scans_of_a_batch_do_not_see_each_other_in_eval_mode(name):
    network, x = trained(name), grids()
    with torch.no_grad():
        together, alone = network(x), torch.cat([network(scan) for scan in x.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-2, atol=1e-3)
    assert not torch.allclose(alone[0], alone[1], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", SOME_AND_SLOWLY_ALL)
@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")
def test_torch_script_gives_the_same_tensor(name):
    network, x = trained(name), grids()
    scripted = torch.jit.script(network)
    with torch.no_grad():
        logits = scripted(x)
        torch.testing.assert_close(logits, network(x))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("name", SOME_AND_SLOWLY_ALL)
def test_export_gives_the_same_tensor_for_any_batch_size(name):
    network, x = trained(name), grids()
    exported = torch.export.export(
        network, (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}}
    ).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(x), network(x))
        torch.testing.assert_close(exported(x[:1]), network(x[:1]), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_num_classes_sets_the_number_of_logits(name):
    with torch.device("meta"):
        network = small(name, num_classes=5).eval()
        assert network(torch.empty(1, 1, *SMALL)).shape == (1, 5)


@pytest.mark.parametrize("name", NAMES)
def test_a_grid_that_no_network_can_take_is_refused_when_built(name):
    preset = getattr(networks, name)
    for shape in ([96, 96], [96, 96, 0], [16, 16, 8]):
        with pytest.raises(UserError, match="spatial_shape="):
            preset(spatial_shape=shape)


@pytest.mark.parametrize("name", NAMES)
def test_another_grid_is_refused_with_both_shapes(name):
    with torch.device("meta"):
        network = small(name).eval()
        turned = torch.empty(1, 1, *SMALL[::-1])
        with pytest.raises(ValueError, match=r"the input has shape .* made for spatial_shape="):
            network(turned)


@pytest.mark.parametrize("name", ATTENDING)
@pytest.mark.parametrize("attention", [LearnableSpatialAttention, RescaledSpatialAttention])
def test_departures_are_handed_in_and_each_unit_has_its_own(name, attention):
    network = small(name, attention=attention)
    units = [module for module in network.modules() if isinstance(module, attention)]
    assert len(units) == (19 if name == "sa_66" else 8)
    learnt = [key for key, _ in network.named_parameters() if key.endswith("gamma")]
    assert len(learnt) == (len(units) if attention is LearnableSpatialAttention else 0)


@pytest.mark.parametrize("attention", [LearnableSpatialAttention, RescaledSpatialAttention])
@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")
def test_departures_script_too(attention):
    network = small("pa_66_m", attention=attention).eval()
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.script(network)(grids(1)), network(grids(1)))


@pytest.mark.parametrize(
    ("name", "layer", "channels"),
    [
        ("pa_66_m", "stages.transition_4.pneumonia_type", 256),
        ("pa_66_m", "stages.transition_4.detection", 256),
        ("sa_66", "features.transition_4", 256),
        ("da_ca_resnet18", "features.layer4", 512),
    ],
)
def test_layers_that_explanations_look_at_keep_their_names(name, layer, channels):
    with torch.device("meta"):
        network = small(name).eval()
        maps = []
        network.get_submodule(layer).register_forward_hook(lambda module, inputs, output: maps.append(output))
        network(torch.empty(1, 1, *SMALL))
    assert maps[0].shape[1] == channels
    assert maps[0].ndim == 5
