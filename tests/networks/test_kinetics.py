import pytest
import torch

from scripts.errors import UserError
from scripts.networks import convert_r3d_18, da_ca_resnet18, load_kinetics_weights, resnet18

SHAPE = (32, 24, 16)


def normalisation(name: str, channels: int) -> dict[str, torch.Tensor]:
    return {
        f"{name}.weight": torch.rand(channels),
        f"{name}.bias": torch.rand(channels),
        f"{name}.running_mean": torch.rand(channels),
        f"{name}.running_var": torch.rand(channels) + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(7),
    }


def r3d_18_weights() -> dict[str, torch.Tensor]:
    """Return random weights under torchvision's names and shapes (frames, rows, columns)."""
    torch.manual_seed(0)
    weights = {"stem.0.weight": torch.randn(64, 3, 3, 7, 7) / 20, **normalisation("stem.1", 64)}
    width = 64
    for layer, channels in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            name = f"layer{layer}.{block}"
            kernels = {
                f"{name}.conv1": (channels, width, 3, 3, 3),
                f"{name}.conv2": (channels, channels, 3, 3, 3),
            }
            if width != channels:
                kernels[f"{name}.downsample"] = (channels, width, 1, 1, 1)
            for part, shape in kernels.items():
                weights |= {
                    f"{part}.0.weight": torch.randn(shape) / 50,
                    **normalisation(f"{part}.1", channels),
                }
            width = channels
    return weights | {"fc.weight": torch.randn(400, 512), "fc.bias": torch.randn(400)}


@pytest.fixture(scope="module")
def weights():
    return r3d_18_weights()


@pytest.fixture(scope="module")
def weights_file(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "r3d_18.pt"
    torch.save(weights, path)
    return path


def test_the_stem_answers_to_a_grey_video_as_torchvision_s(weights, weights_file):
    grey = torch.rand(1, 1, 20, 18, 6)  # R, A, S
    video = grey.transpose(2, 4).expand(-1, 3, -1, -1, -1)  # S, A, R: frames, rows, columns of three colours
    oracle = torch.nn.functional.conv3d(video, weights["stem.0.weight"], stride=(1, 2, 2), padding=(1, 3, 3))
    network = load_kinetics_weights(resnet18(spatial_shape=SHAPE), weights_file)
    torch.testing.assert_close(network.features.stem[0](grey).transpose(2, 4), oracle, rtol=1e-4, atol=1e-4)


def test_a_block_answers_as_torchvision_s(weights, weights_file):
    network = load_kinetics_weights(resnet18(spatial_shape=SHAPE), weights_file)
    x = torch.rand(1, 64, 6, 5, 4)
    kernel = weights["layer2.0.conv1.0.weight"]
    oracle = torch.nn.functional.conv3d(x.transpose(2, 4), kernel, stride=2, padding=1).transpose(2, 4)
    torch.testing.assert_close(network.features.layer2[0].conv1[0](x), oracle, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("preset", [resnet18, da_ca_resnet18])
def test_every_weight_but_attention_and_fc_is_filled(preset, weights_file):
    network = preset(spatial_shape=SHAPE)
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    load_kinetics_weights(network, weights_file)
    for name, value in network.state_dict().items():
        own = name.startswith("fc.") or "_attention." in name
        assert torch.equal(value, fresh[name]) == own, name


def test_names_translate_one_to_one(weights):
    converted = convert_r3d_18(weights)
    assert converted.keys() == resnet18(spatial_shape=SHAPE).features.state_dict().keys()


def test_another_file_is_refused_by_name_and_the_network_is_untouched(weights, tmp_path):
    network = resnet18(spatial_shape=SHAPE)
    before = network.features.stem[0].weight.clone()
    projection = "layer3.0.downsample.0.weight"
    cases = {
        "missing.pt": None,
        "list.pt": [1, 2],
        "incomplete.pt": {name: value for name, value in weights.items() if name != projection},
        "wide.pt": weights | {"stem.0.weight": torch.zeros(64, 3, 3, 5, 5)},
        "more.pt": weights | {"layer5.0.conv1.0.weight": torch.zeros(1)},
    }
    for name, content in cases.items():
        if content is not None:
            torch.save(content, tmp_path / name)
        with pytest.raises(UserError, match=name):
            load_kinetics_weights(network, tmp_path / name)
    (tmp_path / "text.pt").write_text("not a checkpoint")
    with pytest.raises(UserError, match=r"text\.pt: not a readable PyTorch checkpoint"):
        load_kinetics_weights(network, tmp_path / "text.pt")
    torch.testing.assert_close(network.features.stem[0].weight, before)
