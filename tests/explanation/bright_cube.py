"""A network whose answer is known by construction, and scans for it."""

import itertools

import nibabel
import numpy as np
import torch
from torch import nn


class BrightnessNetwork(nn.Module):
    """Class 2 for what is bright, class 1 for what is dark, halved twice on the way as in the real networks.

    Nothing is learnt: the features are the local mean brightness and its opposite.
    """

    def __init__(self):
        super().__init__()
        halve = nn.Conv3d(1, 1, 3, stride=2, padding=1, bias=False)
        nn.init.constant_(halve.weight, 1 / 27)
        self.features = nn.Sequential(halve, halve)
        self.fc = nn.Linear(2, 3, bias=False)
        with torch.no_grad():
            self.fc.weight.copy_(torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))

    def forward(self, x):
        brightness = self.features(x).clamp(max=1)
        return self.fc(torch.cat([brightness, 1 - brightness], dim=1).amax(dim=(2, 3, 4)))


def orientations():
    """Return six ways to permute and flip the axes, as nibabel orientations."""
    return [
        np.stack([order, flips], axis=1).astype(float)
        for order, flips in zip(
            itertools.permutations(range(3)),
            [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1), (-1, 1, -1)],
            strict=True,
        )
    ]


def reoriented(array, affine, orientation):
    """Store the same anatomy in another axis order."""
    turned = np.ascontiguousarray(nibabel.apply_orientation(array, orientation))
    return turned, affine @ nibabel.orientations.inv_ornt_aff(orientation, array.shape)
