import hashlib

import pytest
import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import load_weights, place_network, read_state_dict, weights_hash


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def saved(content, path):
    torch.save(content, path)
    return path


def test_a_network_gets_exactly_the_weights_that_were_saved(network, tmp_path):
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    load_weights(network, saved(other.state_dict(), tmp_path / "model.pt"))
    for name, value in other.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("0.bias"), r"1 missing \(0.bias\)"),
        (lambda state: state.update(head=torch.zeros(1)), r"1 unknown \(head\)"),
        (lambda state: state.update({"0.bias": torch.zeros(9)}), r"0.bias \(9,\) instead of \(4,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_names_that_differ(change, message, network, tmp_path):
    state = dict(network.state_dict())
    change(state)
    before = network[0].weight.clone()
    with pytest.raises(UserError, match=message):
        load_weights(network, saved(state, tmp_path / "model.pt"))
    assert torch.equal(network[0].weight, before)


def test_what_is_no_state_dict_is_refused(network, tmp_path):
    nested = saved({"model": network}, tmp_path / "nested.pt")
    numbers = saved({"epoch": 3, "losses": [1.0]}, tmp_path / "numbers.pt")
    text = tmp_path / "text.pt"
    text.write_text("weights")
    for path, message in [
        (nested, "not a readable PyTorch checkpoint"),
        (numbers, "not a plain state dict"),
        (text, "not a readable PyTorch checkpoint"),
        (tmp_path / "none.pt", "no such checkpoint; train one"),
    ]:
        with pytest.raises(UserError, match=message):
            load_weights(network, path)


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model", "network"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_weights_are_found_where_others_keep_them(name, prefix, network, tmp_path):
    wrapped = {f"{prefix}{key}": value for key, value in network.state_dict().items()}
    found = read_state_dict(saved({name: wrapped, "epoch": 3}, tmp_path / "model.pt"))
    assert found.keys() == network.state_dict().keys()
    assert all(torch.equal(found[key], value) for key, value in network.state_dict().items())


def test_one_flipped_bit_of_the_weights_is_found(network, tmp_path):
    path = saved(network.state_dict(), tmp_path / "model.pt")
    content = bytearray(path.read_bytes())
    place = content.index(network[0].weight.detach().numpy().tobytes())
    content[place + 2] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True).keys() == network.state_dict().keys()  # torch is content
    with pytest.raises(UserError, match=r"not a readable PyTorch checkpoint \(BadZipFile: damaged: .*data/0"):
        read_state_dict(path)


def test_the_hash_is_that_of_the_file(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    assert weights_hash(tmp_path / "model.pt") == hashlib.sha256(b"weights").hexdigest()


def test_a_network_on_the_cpu_keeps_its_layout(network):
    assert place_network(network, torch.device("cpu")) is network


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_network_on_a_gpu_is_channels_last():
    convolution = place_network(nn.Conv3d(2, 4, 3), torch.device("cuda"))
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last_3d)
