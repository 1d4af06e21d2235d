"""The methods that suit a network."""

from collections.abc import Sequence

from torch import nn

from scripts.networks import EncoderProbe, MultiTaskNetwork, SingleTaskNetwork, VideoResNet

from .attention import AttentionMap, attending_groups
from .class_activation import ClassActivation, ProbeActivation
from .grad_cam import DetectionGradCAM, GradCAM, TypeGradCAM
from .method import HeatMapMethod
from .occlusion import Occlusion

__all__ = ["all_methods", "default_method"]


def default_method(network: nn.Module, window: tuple[float, float] = (-500.0, 1500.0)) -> HeatMapMethod:
    """Return what the network's own paper shows, or the method that works for any classifier.

    Args:
        network: PARL with two branches gets :class:`TypeGradCAM` (Wang et al., Fig. 7), with one
            :class:`GradCAM`; a dual-attention network :class:`ClassActivation` (Shi et al., Fig. 2); a
            probe on an encoder :class:`ProbeActivation`; any other :class:`Occlusion`.
        window: level, width in HU of the network's grid.
    """
    if isinstance(network, MultiTaskNetwork):
        return TypeGradCAM(network)
    if isinstance(network, SingleTaskNetwork):
        return GradCAM(network)
    if isinstance(network, VideoResNet):
        return ClassActivation(network)
    if isinstance(network, EncoderProbe):
        return ProbeActivation(network)
    return Occlusion(network, window)


def all_methods(
    network: nn.Module,
    occlusion: bool = False,
    stages: Sequence[str] = (),
    window: tuple[float, float] = (-500.0, 1500.0),
) -> list[HeatMapMethod]:
    """Return the default method and every other quick one that the network allows.

    Args:
        network: any.
        occlusion: also the slow check.
        stages: earlier stages of a network with two branches, e.g. ``transition_2``, whose finer maps are
            weighted too.
        window: level, width in HU of the network's grid.
    """
    methods = [default_method(network, window)]
    if isinstance(network, MultiTaskNetwork):
        methods.append(DetectionGradCAM(network))
        methods += [TypeGradCAM(network, stage) for stage in stages]
    if isinstance(network, EncoderProbe):
        methods.append(GradCAM(network, "encoder.network.layer3"))  # twice as fine, less specific
    methods += [AttentionMap(network, group) for group in attending_groups(network)]
    if occlusion and not isinstance(methods[0], Occlusion):
        methods.append(Occlusion(network, window))
    return methods
