"""The random changes that the two papers train with, as lists of MONAI transforms."""

from monai.transforms import RandAffined, RandFlipd, RandRotate90d, Transform

__all__ = ["dual_attention_augmentation", "prior_attention_augmentation"]

IMAGE = "image"


def prior_attention_augmentation() -> list[Transform]:
    """Return quarter turns about the long axis and flips of every axis, all equally likely.

    Wang et al., IEEE TMI 39(8), 2020: rotation by 0, 90, 180 or 270 degrees about Z; flips in X, Y and Z.
    A quarter turn needs a grid with as many voxels along R as along A.
    """
    turn = RandRotate90d(IMAGE, prob=0.75, max_k=3, spatial_axes=(0, 1))  # k = 1, 2, 3 share the 0.75
    return [turn, *(RandFlipd(IMAGE, prob=0.5, spatial_axis=axis) for axis in range(3))]


def dual_attention_augmentation() -> list[Transform]:
    """Return a random flip of left and right, and small in-plane rotation, shift and zoom.

    Shi et al., 2021, with the ranges of their released code: 5 degrees, 5 voxels, 0.9 to 1.1. As there, one
    axis of the slices is flipped, here that along which a chest is nearly symmetric, and their order stays:
    depth attention weighs each slice by its place. Voxels that come from outside the scan are 0, air.
    """
    affine = RandAffined(
        IMAGE,
        prob=1.0,
        rotate_range=(0.0, 0.0, 0.0873),  # radians, about S
        translate_range=(5.0, 5.0, 0.0),  # voxels
        scale_range=(0.1, 0.1, 0.0),
        padding_mode="zeros",
        cache_grid=False,
    )
    return [RandFlipd(IMAGE, prob=0.5, spatial_axis=0), affine]
