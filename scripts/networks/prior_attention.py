"""The networks of Wang et al.: one branch with one task, or two branches with three."""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from scripts.errors import UserError

from .residual_units import BranchPair, convolution, initialise_kaiming
from .spatial_shape import check_input, checked_spatial_shape, halved

__all__ = ["MultiTaskLogits", "MultiTaskNetwork", "SingleTaskNetwork"]

LAST_LAYER = 0.1  # its weights, in those of He's distribution; the paper does not give any initialisation
ONE_OUTPUT = ("wa_66", "sa_66", "resnet18", "ca_resnet18", "da_resnet18", "da_ca_resnet18")  # recipes


class MultiTaskLogits(NamedTuple):
    """The three answers of a multi-task network, as logits.

    Attributes:
        detection: class 0 (normal) or any other (pneumonia), ``(B, 2)``.
        pneumonia_type: the other classes apart (other pneumonia or COVID-19), ``(B, num_classes - 1)``.
        combined: all classes, ``(B, num_classes)``.
    """

    detection: torch.Tensor
    pneumonia_type: torch.Tensor
    combined: torch.Tensor


class SingleTaskNetwork(nn.Module):
    """Classify a scan with one branch (Table I of Wang et al., left: WA-66, SA-66).

    A header, then groups of residual units, each group followed by a transition that halves the grid
    and doubles the channels; then fully connected layers, on the whole last map.

    Its layers: ``features.header``, ``features.group_I_unit_J``, ``features.transition_I`` (counted
    from 1) and ``head``. The last transition's maps, ``features.transition_4``, are Grad-CAM's target.

    Args:
        channels: number of channels of the header and of group 1.
        units: number of units in each group.
        unit: called with a number of channels, returns a unit.
        hidden: width of the first and of the second fully connected layer.
        num_classes: number of logits.
        spatial_shape: the grid's size along R, A and S in voxels.

    Shape: ``(B, 1, R, A, S)`` to ``(B, num_classes)``.

    Raises:
        UserError: the network cannot take the spatial shape.
    """

    def __init__(
        self,
        channels: int,
        units: Sequence[int],
        unit: Callable[[int], nn.Module],
        hidden: tuple[int, int],
        num_classes: int,
        spatial_shape: Sequence[int],
    ) -> None:
        super().__init__()
        self.spatial_shape = _parl_shape(spatial_shape, units)
        self.features = nn.Sequential(_stages(channels, units, unit, branches=_one))
        flat = _flat_size(channels, units, self.spatial_shape)
        self.head = nn.Sequential(
            _linear(flat, hidden[0]), nn.ReLU(), _linear(*hidden), nn.ReLU(), _logits(hidden[1], num_classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_input(x, self.spatial_shape)
        return self.head(self.features(x).flatten(1))


class MultiTaskNetwork(nn.Module):
    """Detect pneumonia in one branch, tell its type in another, and classify with both.

    With other classes than the paper's three, detection is class 0, the negative one, against the rest, and
    the type branch tells the rest apart.

    The two branches (Table I of Wang et al., right: WA-66-M, SA-66-M, PA-66-M) share the image and
    what ``unit`` lets pass from one to the other; each has its own header and transitions.

    Its layers: ``stages.header``, ``stages.group_I_unit_J``, ``stages.transition_I`` (counted from
    1), each with the parts ``detection`` and ``pneumonia_type``; then ``detection_features``,
    ``type_features`` and the heads ``detection_head``, ``type_head``, ``combined_head``. Grad-CAM's target
    in the paper, the type branch's last maps, is ``stages.transition_4.pneumonia_type``.

    Args:
        channels: number of channels of the headers and of group 1, in either branch.
        units: number of units in each group.
        unit: called with a number of channels, returns a module that maps the two branches' tensors to two.
        hidden: width of the fully connected layer of either branch, and of the one on both.
        num_classes: number of combined logits, three or more.
        spatial_shape: the grid's size along R, A and S in voxels.

    Shape: ``(B, 1, R, A, S)``, in eval mode to ``(B, num_classes)``, in training mode to
        :class:`MultiTaskLogits`.

    Raises:
        UserError: the network cannot take the spatial shape, or there are two classes, so that the type
            branch would have nothing to tell apart.
    """

    def __init__(
        self,
        channels: int,
        units: Sequence[int],
        unit: Callable[[int], nn.Module],
        hidden: tuple[int, int],
        num_classes: int,
        spatial_shape: Sequence[int],
    ) -> None:
        super().__init__()
        if num_classes < 3:
            raise UserError(
                f"{num_classes} classes leave the type branch of a multi-task network nothing to tell apart; "
                f"use a network with one output: recipe {', '.join(ONE_OUTPUT[:-1])} or {ONE_OUTPUT[-1]}"
            )
        self.spatial_shape = _parl_shape(spatial_shape, units)
        self.stages = nn.ModuleDict(_stages(channels, units, unit, branches=_both))
        flat = _flat_size(channels, units, self.spatial_shape)
        self.detection_features = nn.Sequential(nn.Flatten(), _linear(flat, hidden[0]), nn.ReLU())
        self.type_features = nn.Sequential(nn.Flatten(), _linear(flat, hidden[0]), nn.ReLU())
        self.detection_head = _logits(hidden[0], 2)
        self.type_head = _logits(hidden[0], num_classes - 1)
        self.combined_head = nn.Sequential(
            _linear(2 * hidden[0], hidden[1]), nn.ReLU(), _logits(hidden[1], num_classes)
        )

    def all_logits(self, x: torch.Tensor) -> MultiTaskLogits:
        """Return the logits of all three tasks, in training and in eval mode."""
        check_input(x, self.spatial_shape)
        detection, pneumonia_type = x, x
        for stage in self.stages.values():
            detection, pneumonia_type = stage(detection, pneumonia_type)  # each (B, C, R, A, S)
        detection = self.detection_features(detection)  # (B, hidden)
        pneumonia_type = self.type_features(pneumonia_type)  # (B, hidden)
        combined = self.combined_head(torch.cat([detection, pneumonia_type], dim=1))
        return MultiTaskLogits(self.detection_head(detection), self.type_head(pneumonia_type), combined)

    def forward(self, x: torch.Tensor) -> torch.Tensor | MultiTaskLogits:
        logits = self.all_logits(x)
        if self.training:
            return logits
        return logits.combined


def _stages(
    channels: int,
    units: Sequence[int],
    unit: Callable[[int], nn.Module],
    branches: Callable[[Callable[[], nn.Module]], nn.Module],
) -> OrderedDict[str, nn.Module]:
    """Return the convolutional layers by name; ``branches`` builds a layer once for each branch."""
    stages = OrderedDict(header=branches(partial(convolution, 1, channels, kernel_size=5, stride=2)))
    for group, count in enumerate(units, start=1):
        for number in range(1, count + 1):
            stages[f"group_{group}_unit_{number}"] = unit(channels)
        stages[f"transition_{group}"] = branches(partial(_transition, channels))
        channels *= 2
    return stages


def _one(layer: Callable[[], nn.Module]) -> nn.Module:
    return layer()


def _both(layer: Callable[[], nn.Module]) -> nn.Module:
    return BranchPair(layer(), layer())


def _transition(channels: int) -> nn.Sequential:
    return nn.Sequential(
        convolution(channels, 2 * channels, kernel_size=3, stride=2),
        convolution(2 * channels, 2 * channels, kernel_size=3),
    )


def _linear(in_features: int, out_features: int) -> nn.Linear:
    layer = nn.Linear(in_features, out_features)
    initialise_kaiming(layer)
    return layer


def _logits(in_features: int, num_classes: int) -> nn.Linear:
    """Return a last layer that starts with nearly equal probabilities: the first steps repair nothing."""
    layer = _linear(in_features, num_classes)
    with torch.no_grad():
        layer.weight.mul_(LAST_LAYER)
    return layer


def _parl_shape(spatial_shape: Sequence[int], units: Sequence[int]) -> list[int]:
    return checked_spatial_shape(spatial_shape, stride=[2 ** len(units)] * 3)


def _flat_size(channels: int, units: Sequence[int], spatial_shape: Sequence[int]) -> int:
    """Return how many numbers the last transition hands to the fully connected layers."""
    last_map = [halved(size, times=1 + len(units)) for size in spatial_shape]
    return channels * 2 ** len(units) * math.prod(last_map)
