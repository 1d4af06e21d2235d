import hashlib

import pytest
import torch
from small_encoder import CONTENT, SMALL, file_of, install, small_weights

from scripts.errors import UserError
from scripts.networks import (
    ENCODERS,
    OWN_FILE,
    convert_inflated_resnet,
    encoder_hash,
    encoder_named,
    load_encoder,
)


def name_own(path, content, monkeypatch):
    path.write_bytes(content)
    monkeypatch.setenv(OWN_FILE, str(path))
    return path


def test_the_packages_make_the_network_and_none_of_their_code_runs(no_encoder):
    install(no_encoder)
    assert encoder_hash(SMALL) == SMALL.sha256
    network = load_encoder(SMALL, SMALL.sha256)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    for name, value in convert_inflated_resnet(small_weights()).items():
        assert torch.equal(network.state_dict()[name], value), name


@pytest.mark.parametrize("prefix", SMALL.prefixes)
@pytest.mark.parametrize("nested", [True, False])
def test_the_names_may_have_any_of_the_three_prefixes(prefix, nested, no_encoder, monkeypatch):
    weights = {prefix + name: value for name, value in small_weights().items()}
    weights |= {f"{prefix}classifier.weight": torch.zeros(3), "text_encoder.layer1.bias": torch.zeros(2)}
    name_own(no_encoder / "own.pt", file_of({"state_dict": weights} if nested else weights), monkeypatch)
    network = load_encoder(SMALL, encoder_hash(SMALL))
    expected = convert_inflated_resnet(small_weights())["layer4.0.conv2.weight"]
    assert torch.equal(network.layer4[0].conv2.weight, expected)


def test_where_nothing_is_installed_one_line_says_how_to_get_it(no_encoder):
    with pytest.raises(UserError, match=r"small are not installed; get them with `make encoder`") as caught:
        encoder_hash(SMALL)
    assert "\n" not in str(caught.value)


def test_a_missing_shard_counts_as_not_installed(no_encoder):
    install(no_encoder)
    (no_encoder / SMALL.shards[1] / "part.bin").unlink()
    for look in (encoder_hash, lambda encoder: load_encoder(encoder, SMALL.sha256)):
        with pytest.raises(UserError, match="not installed"):
            look(SMALL)


def test_a_package_with_other_bytes_is_refused_before_it_is_read(no_encoder):
    install(no_encoder, b"not even a checkpoint" * 9)
    with pytest.raises(UserError, match=rf"SHA-256 \w{{64}}, expected {SMALL.sha256}"):
        load_encoder(SMALL, SMALL.sha256)


def test_a_file_of_another_hash_is_taken_where_the_user_names_it(no_encoder, monkeypatch):
    install(no_encoder)
    changed = small_weights()
    changed["layer1.0.bn1.bias"] += 1
    content = file_of(changed)
    own = name_own(no_encoder / "own.pt", content, monkeypatch)
    sha256 = encoder_hash(SMALL)
    assert sha256 == hashlib.sha256(content).hexdigest()
    network = load_encoder(SMALL, sha256)
    assert torch.equal(network.layer1[0].bn1.bias, changed["layer1.0.bn1.bias"])
    for look in (encoder_hash, load_encoder):  # as a model asks that was trained on the packaged one
        with pytest.raises(UserError, match=rf"{own}: SHA-256 {sha256}, expected {SMALL.sha256}"):
            look(SMALL, SMALL.sha256)


def test_a_model_that_was_trained_on_another_file_is_told_which(no_encoder):
    install(no_encoder)
    with pytest.raises(UserError, match=f"expected {'0' * 64}: .*name the right file with {OWN_FILE}"):
        encoder_hash(SMALL, "0" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("layer2.1.bn3.bias"), r"1 missing \(layer2.1.bn3.bias\)"),
        (lambda weights: weights.update({"layer3.1.conv1.weight": torch.zeros(1)}), r"1 unknown"),
        (lambda weights: weights.update({"bn1.bias": torch.zeros(9)}), r"bn1.bias \(9,\) instead of \(4,\)"),
        (lambda weights: weights.clear(), "missing"),
    ],
)
def test_an_own_file_that_holds_another_network_is_refused(change, message, no_encoder, monkeypatch):
    weights = small_weights()
    change(weights)
    name_own(no_encoder / "own.pt", file_of(weights), monkeypatch)
    with pytest.raises(UserError, match=rf"own\.pt: does not fit InflatedResNet: .*{message}"):
        load_encoder(SMALL, encoder_hash(SMALL))


@pytest.mark.parametrize("content", [b"", b"text", file_of([1, 2]), CONTENT[: len(CONTENT) // 2]])
def test_an_own_file_that_is_no_checkpoint_is_refused(content, no_encoder, monkeypatch):
    name_own(no_encoder / "own.pt", content, monkeypatch)
    with pytest.raises(UserError, match=r"own\.pt: "):
        load_encoder(SMALL, encoder_hash(SMALL))
    monkeypatch.setenv(OWN_FILE, str(no_encoder / "nowhere.pt"))
    with pytest.raises(UserError, match=r"nowhere\.pt: no such file"):
        load_encoder(SMALL, encoder_hash(SMALL))


def test_an_unknown_encoder_is_refused_with_the_names_there_are():
    with pytest.raises(UserError, match=r"encoder='astro' is not known; expected one of astra"):
        encoder_named("astro")
    assert encoder_named("astra") is ENCODERS["astra"]
