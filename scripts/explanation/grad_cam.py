"""Grad-CAM: the last feature maps, weighted by what they do for a class."""

import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import EncoderProbe, MultiTaskNetwork, SingleTaskNetwork, VideoResNet

from .feature_maps import feature_maps, spread

__all__ = ["DetectionGradCAM", "GradCAM", "TypeGradCAM"]


class GradCAM:
    r"""Grad-CAM of all classes' logits (Selvaraju et al., ICCV 2017, doi:10.1109/ICCV.2017.74).

    .. math::

        \alpha_k &= \text{mean over positions of } \partial y_c / \partial F_k   && \text{Eq. 1} \\
        L        &= \mathrm{ReLU}(\textstyle\sum_k \alpha_k F_k)                  && \text{Eq. 2}

    with the class's logit :math:`y_c`, before the softmax. For WA-66 and SA-66. (On a dual-attention
    network it equals CAM up to a factor; on a multi-task one see :class:`TypeGradCAM`.)

    Args:
        network: with one branch.
        layer: name of F's layer; an earlier one gives a finer, less specific map. The last by default.

    Raises:
        UserError: the network has no such layer.
    """

    name = "grad_cam"

    def __init__(self, network: nn.Module, layer: str | None = None) -> None:
        last = {
            SingleTaskNetwork: "features.transition_4",
            VideoResNet: "features.layer4",
            EncoderProbe: "encoder.network.layer4",
        }
        known = [name for kind, name in last.items() if isinstance(network, kind)]
        if layer is None and not known:
            raise UserError(f"GradCAM does not know the last layer of {type(network).__name__}: give `layer`")
        if isinstance(network, EncoderProbe):
            network.encoder.load()  # else it has no layers yet
        self.network = network
        self.layer = checked_layer(network, layer or known[0])
        if known and self.layer not in known:
            self.name = f"{self.name}_{self.layer.rpartition('.')[2]}"

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with feature_maps(self.network, [self.layer]) as features:
            chosen = self.network(x).gather(1, classes[:, None])
            (maps,) = weighted(features, chosen, self.layer)
        return spread(maps, x.shape[2:])


class TypeGradCAM:
    """Grad-CAM of the type branch of a multi-task network (Wang et al., Fig. 7).

    What is differentiated: for class 0, the negative one (non-pneumonia), which the type branch does not
    know, its logit of the **detection head**, by the detection branch's maps; for every other class
    (COVID-19, other pneumonia) its logit of the **type head**, by the type branch's maps. The paper does not
    say which layer or logit it took.

    Args:
        network: a :class:`scripts.networks.MultiTaskNetwork`.
        stage: whose maps are weighted; ``transition_4`` is the last, 3 x 3 x 3 for a grid of 96 x 96 x 96,
            ``transition_3`` twice as fine and less specific.

    Raises:
        UserError: the network has no type branch, or no such stage.
    """

    name = "grad_cam_type"

    def __init__(self, network: nn.Module, stage: str = "transition_4") -> None:
        self.network = checked_multi_task(network, type(self).__name__)
        if stage != "transition_4":
            self.name = f"{self.name}_{stage}"
        branches = [
            checked_layer(network, f"stages.{stage}.{part}") for part in ("detection", "pneumonia_type")
        ]
        self.detection, self.pneumonia_type = branches

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        normal = classes == 0
        with feature_maps(self.network, [self.detection, self.pneumonia_type]) as features:
            logits = self.network.all_logits(x)
            kind = logits.pneumonia_type.gather(1, (classes - 1).clamp(min=0)[:, None])
            chosen = torch.where(normal[:, None], logits.detection[:, :1], kind)
            of_detection, of_type = weighted(features, chosen, self.detection, self.pneumonia_type)
        maps = torch.where(normal[:, None, None, None], of_detection, of_type)
        return spread(maps, x.shape[2:])


class DetectionGradCAM:
    """Grad-CAM of the detection branch: what spoke for pneumonia, or for its absence.

    What is differentiated: the detection head's logit of class 0 for that class, and its other logit for
    every other class.

    Args:
        network: a :class:`scripts.networks.MultiTaskNetwork`.
        stage: as in :class:`TypeGradCAM`.

    Raises:
        UserError: the network has no detection branch, or no such stage.
    """

    name = "grad_cam_detection"

    def __init__(self, network: nn.Module, stage: str = "transition_4") -> None:
        self.network = checked_multi_task(network, type(self).__name__)
        self.layer = checked_layer(network, f"stages.{stage}.detection")

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with feature_maps(self.network, [self.layer]) as features:
            chosen = self.network.all_logits(x).detection.gather(1, classes.clamp(max=1)[:, None])
            (maps,) = weighted(features, chosen, self.layer)
        return spread(maps, x.shape[2:])


def weighted(features: dict[str, torch.Tensor], chosen: torch.Tensor, *layers: str) -> list[torch.Tensor]:
    """Return ReLU of the gradient-weighted sum of each layer's channels, ``(B, R', A', S')``.

    Args:
        features: of :func:`feature_maps`, filled.
        chosen: one logit a scan, ``(B, 1)``; each depends on its own scan only, so their sum separates.
        layers: names in ``features``.
    """
    gradients = torch.autograd.grad(chosen.sum(), [features[name] for name in layers])
    with torch.no_grad():
        return [
            (gradient.mean(dim=(2, 3, 4), keepdim=True) * features[name]).sum(dim=1).relu()
            for name, gradient in zip(layers, gradients, strict=True)
        ]


def checked_layer(network: nn.Module, name: str) -> str:
    """Return a layer's name, or refuse one that the network lacks."""
    names = dict(network.named_modules())
    if name not in names:
        parent = name.rsplit(".", 1)[0]
        near = [known for known in names if known.rpartition(".")[0] == parent] or list(names)[1:]
        raise UserError(f"{type(network).__name__} has no layer {name!r}; expected one like {near[-3:]}")
    return name


def checked_multi_task(network: nn.Module, method: str) -> MultiTaskNetwork:
    """Return a network that has two branches, or refuse it."""
    if not isinstance(network, MultiTaskNetwork):
        raise UserError(
            f"{method} explains a branch of a multi-task network (WA-66-M, SA-66-M, PA-66-M), "
            f"and {type(network).__name__} has one branch; set `explain_with` to another method"
        )
    return network
