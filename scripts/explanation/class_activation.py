"""CAM: the last feature maps, weighted by the classifier's own weights."""

import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import VideoResNet

from .feature_maps import feature_maps, spread

__all__ = ["ClassActivation"]


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
