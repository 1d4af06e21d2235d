"""From data to objects: only what is on the list, only what the weights have room for."""

import re
import sys
import time
from pathlib import Path

import pytest
import torch
from monai.networks.nets import DenseNet121
from torch import nn

from scripts.checkpoints import Part, build_inferer, build_network, build_region
from scripts.errors import UserError
from scripts.networks import FlipInferer, LearnableSpatialAttention, pa_66_m, sa_66
from scripts.transforms import LungRegion

SHAPE = [24, 24, 16]
LITTLE = {"weight": torch.zeros(3)}


def peak_in_mebibytes():
    """Return the most memory that this process had since its peak was reset."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "posix.system",
        "subprocess.run",
        "builtins.eval",
        "builtins.exec",
        "eval",
        "torch.load",
        "torch.hub.load",
        "scripts.networks.read_state_dict",
        "scripts.networks.load_kinetics_weights",
        "scripts.networks.load_weights",
        "scripts.networks.weights.torch",
        "scripts.networks.weights.zipfile.ZipFile",
        "scripts.networks.place_network",
        "scripts.networks.seconds",
        "scripts.networks.FlipInferer",
        "scripts.networks.presets.pa_66_m",
        "scripts.checkpoints.build_network",
        "scripts.lobes.LobeSegmenter",
        "scripts.files.write_whole",
        "monai.networks.nets.torch",
        "monai.networks.nets.netadapter.torchvision",
        "monai.networks.nets.__loader__",
        "monai.bundle.download",
        "no.such.module",
        "scripts.networks.",
        "scripts.networks.__class__",
    ],
)
def test_what_is_not_on_the_list_is_not_even_looked_at(target, tmp_path):
    """Were it called, a file would appear, or the name of the target would not be the reason."""
    harm = tmp_path / "harm"
    part = Part.model_construct(target=target, arguments={"command": f"touch {harm}"}, factory=False)
    with pytest.raises(UserError, match=r"is no network of scripts\.networks, .*network_def::_target_"):
        build_network(part, LITTLE)
    assert not harm.exists()


@pytest.mark.parametrize("kind", ["attention", "nested"])
def test_nor_is_what_stands_within_a_part(kind, tmp_path):
    inner = {
        "target": "os.system",
        "arguments": {"command": f"touch {tmp_path}/harm"},
        "factory": kind != "nested",
    }
    arguments = {
        "num_classes": 3,
        "spatial_shape": SHAPE,
        "attention": [inner] if kind == "nested" else inner,
    }
    with pytest.raises(UserError, match=r"'os\.system' is no network"):
        build_network(Part(target="scripts.networks.pa_66_m", arguments=arguments), LITTLE)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "target",
    ["os.system", "scripts.networks.FlipInferer", "scripts.lobes.LobeMap", "scripts.transforms.ScanDataset"],
)
def test_regions_come_from_their_own_list(target):
    with pytest.raises(UserError, match=r"is no region of scripts\.transforms, scripts\.lobes"):
        build_region(Part(target=target))


@pytest.mark.parametrize("target", ["os.system", "scripts.networks.pa_66_m", "monai.inferers.utils.F"])
def test_inferers_come_from_their_own_list(target):
    with pytest.raises(UserError, match=r"is no inferer of scripts\.networks, monai\.inferers"):
        build_inferer(Part(target=target))


def test_what_the_user_s_own_config_declares_is_built():
    part, weights = (
        Part(target="torch.nn.Linear", arguments={"in_features": 2, "out_features": 3}),
        nn.Linear(2, 3),
    )
    with pytest.raises(UserError, match="is no network"):
        build_network(part, weights.state_dict())
    built = build_network(part, weights.state_dict(), declared={"torch.nn.Linear"})
    assert torch.equal(built.weight, weights.weight)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux shows it")
@pytest.mark.parametrize(
    "arguments",
    [
        {"_target": "scripts.networks.wa_66", "num_classes": 2**24, "spatial_shape": SHAPE},
        {"_target": "scripts.networks.pa_66_m", "num_classes": 3, "spatial_shape": [2**24] * 3},
        {"_target": "scripts.networks.resnet18", "num_classes": 10**9, "spatial_shape": SHAPE},
        {"_target": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
         "channels": [2**19, 2**20], "strides": [2]},
        {"_target": "monai.networks.nets.FullyConnectedNet", "in_channels": 10**6, "out_channels": 10**6,
         "hidden_channels": []},
        {"_target": "monai.networks.nets.ViT", "in_channels": 1, "img_size": [16] * 3, "patch_size": [4] * 3,
         "hidden_size": 2**20, "mlp_dim": 2**20, "num_heads": 16},
        {"_target": "monai.networks.nets.FullyConnectedNet", "in_channels": 1, "out_channels": 1,
         "hidden_channels": [1] * 4000},
    ],
    ids=lambda arguments: f"{arguments['_target']}-{len(arguments)}",
)  # fmt: skip
def test_a_network_of_a_million_million_parameters_is_refused_at_once_and_takes_no_memory(arguments):
    target, given = arguments["_target"], {key: value for key, value in arguments.items() if key != "_target"}
    part = Part.model_construct(target=target, arguments=given, factory=False)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, started = peak_in_mebibytes(), time.process_time()
    with pytest.raises(UserError):
        build_network(part, LITTLE)
    assert time.process_time() - started < 2
    assert peak_in_mebibytes() - before < 100


@pytest.mark.parametrize("value", [True, 1, "yes"])
def test_weights_come_from_the_checkpoint_alone(value):
    arguments = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, "pretrained": value}
    with pytest.raises(UserError, match="weights come from the checkpoint"):
        build_network(Part(target="monai.networks.nets.DenseNet121", arguments=arguments), LITTLE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 4}, "does not fit .*of another shape"),
        ({"num_classes": "three"}, "cannot be built with"),
        ({"colour": 3}, "cannot be built with .*colour"),
    ],
)
def test_arguments_that_do_not_suit_the_network_or_its_weights_are_named(changes, message):
    weights = pa_66_m(3, spatial_shape=SHAPE).state_dict()
    arguments = {"num_classes": 3, "spatial_shape": SHAPE} | changes
    with pytest.raises(UserError, match=message):
        build_network(Part(target="scripts.networks.pa_66_m", arguments=arguments), weights)


def test_a_network_answers_as_the_one_whose_weights_it_got():
    own = sa_66(3, SHAPE, attention=LearnableSpatialAttention).eval()
    part = Part(
        target="scripts.networks.sa_66",
        arguments={
            "num_classes": 3,
            "spatial_shape": SHAPE,
            "attention": {"target": "scripts.networks.LearnableSpatialAttention", "factory": True},
        },
    )  # fmt: skip
    x = torch.rand(2, 1, *SHAPE)
    built = build_network(part, own.state_dict())
    assert not built.training and torch.equal(built(x), own(x))


def test_building_one_of_monai_s_networks_draws_no_random_number():
    own = DenseNet121(spatial_dims=3, in_channels=1, out_channels=3, init_features=8, growth_rate=4).eval()
    arguments = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, "init_features": 8, "growth_rate": 4}
    state = torch.get_rng_state()
    built = build_network(
        Part(target="monai.networks.nets.DenseNet121", arguments=arguments), own.state_dict()
    )
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.rand(1, 1, 32, 40, 36)
    assert torch.equal(built(x), own(x))


def test_regions_and_inferers_are_built_with_their_arguments():
    region = build_region(Part(target="scripts.transforms.LungRegion", arguments={"margin": 7.5}))
    assert region == LungRegion(margin=7.5)
    inferer = build_inferer(Part(target="scripts.networks.FlipInferer", arguments={"axes": [2]}))
    assert isinstance(inferer, FlipInferer) and len(inferer.flips) == 2


def test_a_region_that_needs_a_lobe_network_names_the_hash_that_it_looks_for():
    arguments = {"margin": 10.0, "segmenter": {"lobe_model_sha256": "ab" * 32}, "table": "bundle"}
    part = Part(target="scripts.lobes.LobeRegion", arguments=arguments)
    with pytest.raises(UserError, match=r"needs the lobe network with SHA-256 abababababab\.\.\."):
        build_region(part)
    found = build_region(part, find_segmenter=lambda sha256: f"the network of {sha256}")
    assert found.segmenter == f"the network of {'ab' * 32}"


class LooksAtValues(nn.Module):
    """A network that cannot be built without memory; with it, it would take 1.6 GB."""

    def __init__(self):
        super().__init__()
        assert float(torch.zeros(1).sum()) == 0
        self.layers = nn.ModuleList(nn.Linear(2**22, 1) for _ in range(100))


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux shows it")
def test_a_network_that_needs_memory_to_be_built_is_given_up_as_it_outgrows_the_weights():
    Path("/proc/self/clear_refs").write_text("5")
    before, name = peak_in_mebibytes(), f"{__name__}.LooksAtValues"
    with pytest.raises(UserError, match="the network has more parameters than the checkpoint's 3 numbers"):
        build_network(Part(target=name), LITTLE, declared={name})
    assert peak_in_mebibytes() - before < 100
