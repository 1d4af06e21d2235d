from types import SimpleNamespace

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from scripts.networks import pa_66_m
from scripts.training import ClipGradients, MultiTaskLoss, TrainingInferer, parameter_groups


def test_weights_decay_and_biases_and_normalisations_do_not():
    network = pa_66_m(spatial_shape=(32, 32, 24))
    convolutions, dense, others = parameter_groups(network, lr=1e-3, weight_decay=0.05)
    assert [group["weight_decay"] for group in (convolutions, dense, others)] == [0.05, 0.05, 0]
    assert {parameter.ndim for parameter in convolutions["params"]} == {5}
    assert {parameter.ndim for parameter in dense["params"]} == {2}
    assert {parameter.ndim for parameter in others["params"]} == {1}
    grouped = [id(one) for group in (convolutions, dense, others) for one in group["params"]]
    assert sorted(grouped) == sorted(map(id, network.parameters()))


def test_frozen_parameters_are_in_no_group():
    network = nn.Linear(3, 2)
    network.weight.requires_grad_(False)
    (group,) = parameter_groups(network, lr=1.0, weight_decay=0.1)
    assert group["params"] == [network.bias] and group["weight_decay"] == 0


def units_alive(dense_factor):
    """Train a dense layer on many positive inputs that tell nothing, as PARL's first one at the start."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2048, 64), nn.ReLU(), nn.Linear(64, 3))
    optimizer = torch.optim.AdamW(parameter_groups(network, 1e-3, 0.05, dense_factor))
    for _ in range(100):
        loss = nn.functional.cross_entropy(network(torch.rand(6, 2048)), torch.arange(6) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float((network[:2](torch.rand(50, 2048)) > 0).any(dim=0).float().mean())


def test_slower_dense_weights_keep_the_units_alive_that_equal_rates_kill():
    assert units_alive(1.0) < 0.5 < 0.6 < units_alive(0.1)


@pytest.mark.parametrize(("max_norm", "moved"), [(1.0, 1.0), (100.0, 8.0)])
def test_a_step_is_no_longer_than_the_longest_gradient_allows(max_norm, moved):
    """The gradient of a weight on the input 8 is 8; SGD at rate 1 moves the weight by it."""
    network = nn.Linear(1, 1, bias=False)
    optimizer, before = torch.optim.SGD(network.parameters(), lr=1.0), network.weight.item()
    batch = {"image": torch.tensor([[8.0]]), "label": 0}
    SupervisedTrainer(
        device=torch.device("cpu"), max_epochs=1, train_data_loader=[batch],
        network=network, optimizer=optimizer, loss_function=lambda output, label: output.sum(),
        prepare_batch=lambda batch, *_, **__: (batch["image"], None),
        train_handlers=[ClipGradients(network, max_norm, optimizer)],
    ).run()  # fmt: skip
    assert before - network.weight.item() == pytest.approx(moved)


def test_half_precision_s_scaled_gradients_are_scaled_back_before_they_are_measured():
    network, calls = nn.Linear(1, 1), []
    network.weight.grad, network.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    engine = SimpleNamespace(scaler=SimpleNamespace(unscale_=calls.append))
    ClipGradients(network, 1.0, optimizer := torch.optim.SGD(network.parameters()))(engine)
    assert calls == [optimizer]
    assert network.weight.grad.item() == pytest.approx(0.6) and network.bias.grad.item() == pytest.approx(0.8)


def precisions(network, x, amp):
    """Return what the inferer gives, and the precision of each convolution's result by its layer's name."""
    seen = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: seen.update({name: output.dtype}))
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv3d)
    ]
    output = TrainingInferer(amp, "cpu")(x, network)
    for hook in hooks:
        hook.remove()
    return output, seen


def test_mixed_precision_on_a_cpu_leaves_small_maps_and_the_answer_in_single_precision():
    torch.manual_seed(0)
    network = pa_66_m(num_classes=3, spatial_shape=[32, 32, 16])
    x = torch.rand(2, 1, 32, 32, 16)
    exact, plain = precisions(network, x, amp=False)
    assert set(plain.values()) == {torch.float32}
    mixed, seen = precisions(network, x, amp=True)
    assert seen["stages.group_1_unit_1.detection.residual.0.0"] == torch.bfloat16
    small = {name: kind for name, kind in seen.items() if name.startswith("stages.transition_4")}
    assert len(small) == 4 and set(small.values()) == {torch.float32}
    for one, other in zip(mixed, exact, strict=True):
        assert one.dtype == torch.float32
        assert 0 < (one - other).abs().max() < 0.1
    MultiTaskLoss()(mixed, torch.tensor([0, 2])).backward()
    gradients = [weight.grad for weight in network.parameters()]
    assert all(each.dtype == torch.float32 and each.isfinite().all() for each in gradients)


def test_mixed_precision_takes_networks_with_one_output():
    network = nn.Sequential(nn.Conv3d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 5 * 4, 2))
    x = torch.rand(3, 1, 8, 7, 6)
    torch.testing.assert_close(TrainingInferer(True, "cpu")(x, network), network(x), atol=0.02, rtol=0)
