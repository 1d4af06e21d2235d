"""The random changes that the lobe network trains with, as a list of MONAI transforms."""

from monai.transforms import (
    RandAffined,
    RandGaussianNoised,
    RandScaleIntensityd,
    RandShiftIntensityd,
    Transform,
)

__all__ = ["lobe_augmentation"]

IMAGE, LOBES = "image", "lobes"


def lobe_augmentation() -> list[Transform]:
    """Return turns, shears, shifts and zooms of scan and lobes, then changes of the scan's grey values.

    Not stated in the paper. No flips: left and right, upper and lower lobes would change places. Little
    noise and no blur: on the network's grid a fissure stands out by some 40 HU.
    """
    turn = RandAffined(
        (IMAGE, LOBES),
        prob=0.7,
        rotate_range=(0.12, 0.12, 0.15),  # radians, about R, A, S
        shear_range=(0.08,) * 6,
        translate_range=(4.0, 4.0, 4.0),  # voxels
        scale_range=(0.12, 0.12, 0.12),
        mode=("bilinear", "nearest"),
        padding_mode="zeros",
        cache_grid=False,
    )
    return [
        turn,
        RandScaleIntensityd(IMAGE, factors=0.1, prob=0.5),
        RandShiftIntensityd(IMAGE, offsets=0.03, prob=0.5),  # of the window: 45 HU
        RandGaussianNoised(IMAGE, prob=0.3, std=0.015),  # at most 22 HU
    ]
