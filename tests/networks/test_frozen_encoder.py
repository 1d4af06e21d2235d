import copy

import pytest
import torch
from small_encoder import SHAPE, SMALL
from torch import nn

from scripts.errors import UserError
from scripts.networks import (
    Ensemble,
    FeatureStore,
    FrozenEncoder,
    encoder_probe,
    fold_normalisations,
    load_encoder,
    load_weights,
    remember_features,
)


def probe(num_classes=3, precision="float32", **arguments):
    network = encoder_probe(num_classes, encoder="small", precision=precision, **arguments)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.copy_(torch.rand_like(value) + 0.5)
    return network.eval()


def test_logits_are_a_linear_map_of_the_standardised_mean_of_the_maps(small_encoder):
    network, x = probe(), torch.rand(2, 1, *SHAPE)
    plain = load_encoder(SMALL, SMALL.sha256)
    standard = (plain(x).mean((2, 3, 4)) - network.mean) / network.scale
    expected = standard @ network.fc.weight.T + network.fc.bias
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(network.classify(network.encoder.features(x)), network(x))


def test_class_maps_and_bias_add_up_to_the_logits(small_encoder):
    network, x = probe(num_classes=2), torch.rand(2, 1, *SHAPE)
    maps = network.class_maps(network.encoder(x))
    assert maps.shape == (2, 2, 2, 1, 3)
    torch.testing.assert_close(maps.mean((2, 3, 4)) + network.fc.bias, network(x), rtol=1e-4, atol=1e-3)


def test_a_class_map_is_strong_where_the_feature_is(small_encoder):
    network = probe()
    network.fc.weight.data.zero_()
    network.fc.weight.data[1, 5] = 1.0
    maps = network.mean[None, :, None, None, None].repeat(1, 1, 2, 1, 3)
    maps[0, 5, 1, 0, 2] += 7.0
    found = network.class_maps(maps)
    assert found.argmax() == found[0, 1].argmax() + 6  # of class 1, the last of its 2 x 1 x 3 positions
    assert found.count_nonzero() == 1


def test_its_file_holds_the_linear_part_only_and_fills_it_again(small_encoder, tmp_path):
    network, x = probe(), torch.rand(1, 1, *SHAPE)
    assert list(network.state_dict()) == ["mean", "scale", "fc.weight", "fc.bias"]
    torch.save(network.state_dict(), tmp_path / "model.pt")
    again = encoder_probe(encoder="small", precision="float32")
    load_weights(again, tmp_path / "model.pt")
    assert torch.equal(again.eval()(x), network(x))
    pair = Ensemble([again, again]).eval()
    pair.load_state_dict(pair.state_dict())
    torch.testing.assert_close(pair(x), network(x).log_softmax(1))


def test_a_file_that_lacks_a_part_of_the_probe_is_refused(small_encoder):
    state = probe().state_dict()
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "fc.bias"'):
        probe().load_state_dict({name: value for name, value in state.items() if name != "fc.bias"})


def test_training_mode_does_not_reach_the_encoder(small_encoder):
    network, x = probe(), torch.rand(2, 1, *SHAPE)
    expected = network(x)
    network.train()
    assert network.encoder.network is not None
    assert not any(module.training for module in network.encoder.modules())
    assert torch.equal(network(x), expected)
    assert [name for name, p in network.named_parameters() if p.requires_grad] == ["fc.weight", "fc.bias"]


def test_copies_share_the_encoder_and_not_the_classifier(small_encoder):
    network = probe()
    other = copy.deepcopy(network)
    assert other.encoder is network.encoder
    assert other.fc.weight is not network.fc.weight


def test_the_members_of_an_ensemble_hold_the_weights_once_and_encode_a_scan_once(small_encoder, monkeypatch):
    one, other, x = probe(), probe(), torch.rand(1, 1, *SHAPE)
    expected = [one(x), other(x)]
    assert one.encoder.network is other.encoder.network
    exact = probe(precision="bfloat16").encoder.load()
    assert exact.network is not one.encoder.network
    pair = remember_features(nn.ModuleList([one, other]))
    calls = []
    forward = FrozenEncoder.forward
    monkeypatch.setattr(FrozenEncoder, "forward", lambda *given: calls.append(1) or forward(*given))
    assert torch.equal(pair[0](x), expected[0])
    assert torch.equal(pair[1](x), expected[1])
    assert len(calls) == 1


def test_folding_the_normalisations_changes_nothing_but_rounding(small_encoder):
    network = load_encoder(SMALL, SMALL.sha256)
    x = torch.rand(1, 1, *SHAPE, dtype=torch.float64)
    expected = network.double()(x)
    folded = fold_normalisations(network)
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in folded.modules())
    torch.testing.assert_close(folded(x), expected)


def test_bfloat16_gives_float32_features_of_nearly_the_same_value(small_encoder):
    x = torch.rand(1, 1, *SHAPE)
    exact, rounded = (FrozenEncoder(SMALL, precision=name).features(x) for name in ("float32", "bfloat16"))
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).norm() / exact.norm() < 0.03


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spatial_shape": (64, 32, 40)}, r"spatial_shape=\[64, 32, 40\]: the encoder small knows the grid"),
        ({"precision": "float16"}, r"precision='float16' is not one of bfloat16, float32"),
        ({"sha256": "f" * 64}, f"expected {'f' * 64}"),
    ],
)
def test_arguments_that_do_not_fit_the_encoder_are_refused(arguments, message, small_encoder):
    with pytest.raises(UserError, match=message):
        encoder_probe(encoder="small", **arguments)


def test_a_batch_on_another_grid_is_refused(small_encoder):
    with pytest.raises(ValueError, match=r"spatial_shape=\[64, 32, 48\]"):
        probe()(torch.rand(1, 1, 64, 48, 32))


def test_weights_are_read_with_the_first_scan_and_once(small_encoder, monkeypatch):
    network, x = probe(), torch.rand(1, 1, *SHAPE)
    assert network.encoder.network is None
    expected = network(x)
    monkeypatch.setattr("scripts.networks.frozen_encoder.load_encoder", lambda *_: pytest.fail("read again"))
    assert torch.equal(network(x), expected)
    assert torch.equal(copy.deepcopy(network)(x), expected)


def test_a_probe_can_be_built_without_memory_and_filled_later(small_encoder, tmp_path):
    filled, x = probe(), torch.rand(1, 1, *SHAPE)
    with torch.device("meta"):
        network = encoder_probe(encoder="small", precision="float32")
    network.to_empty(device="cpu")
    network.load_state_dict(filled.state_dict())
    assert torch.equal(network.eval()(x), filled(x))


def test_a_script_of_a_loaded_probe_gives_its_logits_without_a_store(small_encoder):
    network, x = probe(), torch.rand(1, 1, *SHAPE)
    network.encoder.load()
    network.encoder.store = FeatureStore()
    torch.testing.assert_close(torch.jit.script(network)(x), network(x), rtol=1e-4, atol=1e-3)
    exported = torch.export.export(network, (x,), strict=False)
    torch.testing.assert_close(exported.module()(x), network(x), rtol=1e-4, atol=1e-3)
