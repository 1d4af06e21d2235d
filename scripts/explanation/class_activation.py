"""CAM: the last feature maps, weighted by the classifier's own weights."""

import torch
from monai.networks.utils import eval_mode
from torch import nn

from scripts.errors import UserError
from scripts.networks import EncoderProbe, VideoResNet

from .feature_maps import feature_maps, spread

__all__ = ["ClassActivation", "ProbeActivation"]


class ClassActivation:
    r"""Class activation map of a dual-attention network (Zhou et al., CVPR 2016, Eq. 2; Shi et al., Fig. 2).

    .. math:: L = \mathrm{ReLU}(\textstyle\sum_k w_{ck} F_k)

    with the weights :math:`w_c` of the class in the fully connected layer that follows the global average
    pooling of F. Before the ReLU its mean over positions is the class's logit less its bias, so the map is
    an exact account of the answer. The ReLU, which the paper lacks, keeps what speaks for the class.

    Args:
        network: a :class:`scripts.networks.VideoResNet`.

    Raises:
        UserError: the network does not end in average pooling and one fully connected layer.
    """

    name = "cam"

    def __init__(self, network: nn.Module) -> None:
        if not isinstance(network, VideoResNet):
            raise UserError(
                f"ClassActivation needs average pooling before one fully connected layer (the dual-attention "
                f"networks); {type(network).__name__} has none: set `explain_with` to a Grad-CAM"
            )
        self.network = network

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with feature_maps(self.network, ["features.layer4"]) as features:
            self.network(x)
        with torch.no_grad():
            weights = self.network.fc.weight[classes]  # (B, C)
            maps = torch.einsum("bc,bcras->bras", weights, features["features.layer4"])
            return spread(maps.relu(), x.shape[2:])


class ProbeActivation:
    """Class activation map of a probe: what each position adds to the class's logit.

    As in :class:`ClassActivation`, with standardised features, so that a position counts for a class by what
    it has more of than the training scans have on average. Before the ReLU the map's mean over positions is
    the logit less its bias.

    Args:
        network: a :class:`scripts.networks.EncoderProbe`.

    Raises:
        UserError: the network is another.
    """

    name = "cam"

    def __init__(self, network: nn.Module) -> None:
        if not isinstance(network, EncoderProbe):
            raise UserError(f"ProbeActivation explains a probe on an encoder, not {type(network).__name__}")
        self.network = network

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with eval_mode(self.network):
            maps = self.network.class_maps(self.network.encoder(x))
            return spread(maps[torch.arange(len(x)), classes].relu(), x.shape[2:])
