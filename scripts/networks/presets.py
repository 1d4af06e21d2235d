"""The papers' networks by name: nothing but their numbers and parts.

Each takes ``num_classes`` and ``spatial_shape``, the grid's size along R, A and S in voxels (depth last), and
without arguments is the paper's; a probe's grid is its encoder's. In those of Wang et al., ``attention`` is
called once for each unit that attends: :class:`scripts.networks.SpatialAttention`, the paper's, or one that
departs from it.
"""

from collections.abc import Callable, Sequence

from monai.networks.blocks import ChannelSELayer
from torch import nn

from .dual_attention import DepthAttention, VideoResNet
from .encoders import encoder_named
from .frozen_encoder import EncoderProbe, FrozenEncoder
from .prior_attention import MultiTaskNetwork, SingleTaskNetwork
from .residual_units import BranchPair, PriorAttentionUnit, ResidualUnit, SelfAttentionUnit, SpatialAttention

__all__ = [
    "ca_resnet18",
    "da_ca_resnet18",
    "da_resnet18",
    "encoder_probe",
    "pa_66_m",
    "resnet18",
    "sa_66",
    "sa_66_m",
    "wa_66",
    "wa_66_m",
]


def wa_66(num_classes: int = 3, spatial_shape: Sequence[int] = (96, 96, 96)) -> SingleTaskNetwork:
    """Return WA-66 (Wang et al.): one branch, one task, no attention; 15,959,851 parameters."""
    return _single_task(ResidualUnit, num_classes, spatial_shape)


def sa_66(
    num_classes: int = 3,
    spatial_shape: Sequence[int] = (96, 96, 96),
    attention: Callable[[], nn.Module] = SpatialAttention,
) -> SingleTaskNetwork:
    """Return SA-66 (Wang et al.): one branch, one task, self-attention; 15,959,851 parameters."""
    return _single_task(lambda channels: SelfAttentionUnit(channels, attention()), num_classes, spatial_shape)


def wa_66_m(num_classes: int = 3, spatial_shape: Sequence[int] = (96, 96, 96)) -> MultiTaskNetwork:
    """Return WA-66-M (Wang et al.): two branches, three tasks, no attention; 15,988,903 parameters."""
    return _multi_task(
        lambda channels: BranchPair(ResidualUnit(channels), ResidualUnit(channels)),
        num_classes,
        spatial_shape,
    )


def sa_66_m(
    num_classes: int = 3,
    spatial_shape: Sequence[int] = (96, 96, 96),
    attention: Callable[[], nn.Module] = SpatialAttention,
) -> MultiTaskNetwork:
    """Return SA-66-M (Wang et al.): as WA-66-M, self-attention in the type branch; 15,988,903 parameters."""
    return _multi_task(
        lambda channels: BranchPair(ResidualUnit(channels), SelfAttentionUnit(channels, attention())),
        num_classes,
        spatial_shape,
    )


def pa_66_m(
    num_classes: int = 3,
    spatial_shape: Sequence[int] = (96, 96, 96),
    attention: Callable[[], nn.Module] = SpatialAttention,
) -> MultiTaskNetwork:
    """Return PA-66-M (Wang et al.): the detection branch guides the type branch; 15,988,903 parameters."""
    return _multi_task(lambda channels: PriorAttentionUnit(channels, attention()), num_classes, spatial_shape)


def resnet18(num_classes: int = 3, spatial_shape: Sequence[int] = (224, 224, 64)) -> VideoResNet:
    """Return ResNet18 (Shi et al.), without attention; 33,148,995 parameters."""
    return _video_resnet18(nn.Identity, nn.Identity, num_classes, spatial_shape)


def ca_resnet18(num_classes: int = 3, spatial_shape: Sequence[int] = (224, 224, 64)) -> VideoResNet:
    """Return CA-ResNet18 (Shi et al.), with channel attention; 33,238,075 parameters."""
    return _video_resnet18(nn.Identity, _squeeze_and_excite, num_classes, spatial_shape)


def da_resnet18(num_classes: int = 3, spatial_shape: Sequence[int] = (224, 224, 64)) -> VideoResNet:
    """Return DA-ResNet18 (Shi et al.), with depth attention; 35,148,083 parameters."""
    return _video_resnet18(DepthAttention, nn.Identity, num_classes, spatial_shape)


def da_ca_resnet18(num_classes: int = 3, spatial_shape: Sequence[int] = (224, 224, 64)) -> VideoResNet:
    """Return the dual attention network (Shi et al.: "Ours"), with both attentions; 35,237,163 parameters."""
    return _video_resnet18(DepthAttention, _squeeze_and_excite, num_classes, spatial_shape)


def encoder_probe(
    num_classes: int = 3,
    spatial_shape: Sequence[int] | None = None,
    encoder: str = "astra",
    sha256: str | None = None,
    precision: str = "bfloat16",
) -> EncoderProbe:
    """Return a linear classifier on the features of an encoder of :data:`scripts.networks.ENCODERS`.

    Args:
        num_classes: number of logits.
        spatial_shape: the encoder's; None takes it.
        encoder: its name.
        sha256: of its weights, so that a model file names them; None: as packaged, or as the user's file.
        precision: "bfloat16" or "float32".
    """
    known = encoder_named(encoder)
    return EncoderProbe(FrozenEncoder(known, spatial_shape, sha256, precision), known.channels, num_classes)


def _single_task(
    unit: Callable[[int], nn.Module], num_classes: int, spatial_shape: Sequence[int]
) -> SingleTaskNetwork:
    return SingleTaskNetwork(
        channels=16,
        units=(3, 4, 9, 3),
        unit=unit,
        hidden=(1488, 512),
        num_classes=num_classes,
        spatial_shape=spatial_shape,
    )


def _multi_task(
    unit: Callable[[int], nn.Module], num_classes: int, spatial_shape: Sequence[int]
) -> MultiTaskNetwork:
    return MultiTaskNetwork(
        channels=16,
        units=(2, 2, 2, 2),
        unit=unit,
        hidden=(512, 512),
        num_classes=num_classes,
        spatial_shape=spatial_shape,
    )


def _video_resnet18(
    depth_attention: Callable[[int, int], nn.Module],
    channel_attention: Callable[[int], nn.Module],
    num_classes: int,
    spatial_shape: Sequence[int],
) -> VideoResNet:
    return VideoResNet(
        channels=(64, 128, 256, 512),
        blocks=(2, 2, 2, 2),
        depth_attention=depth_attention,
        channel_attention=channel_attention,
        num_classes=num_classes,
        spatial_shape=spatial_shape,
    )


def _squeeze_and_excite(channels: int) -> nn.Module:
    return ChannelSELayer(spatial_dims=3, in_channels=channels, r=16)
