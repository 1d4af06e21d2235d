"""The random changes that the lobe network trains with, as a list of MONAI transforms."""

from monai.transforms import (
    RandAdjustContrastd,
    RandAffined,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    Transform,
)

__all__ = ["lobe_augmentation"]

IMAGE, LOBES = "image", "lobes"


def lobe_augmentation() -> list[Transform]:
    """Return turns, shears, shifts and zooms of scan and lobes, then changes of the scan's grey values.

    Not stated in the paper. No flips: left and right, upper and lower lobes would change places.
    """
    turn = RandAffined(
        (IMAGE, LOBES),
        prob=0.8,
        rotate_range=(0.15, 0.15, 0.2),  # radians, about R, A, S
        shear_range=(0.1,) * 6,
        translate_range=(4.0, 4.0, 4.0),  # voxels
        scale_range=(0.15, 0.15, 0.15),
        mode=("bilinear", "nearest"),
        padding_mode="zeros",
        cache_grid=False,
    )
    return [
        turn,
        RandGaussianSmoothd(IMAGE, prob=0.2, sigma_x=(0.3, 0.8), sigma_y=(0.3, 0.8), sigma_z=(0.3, 0.8)),
        RandScaleIntensityd(IMAGE, factors=0.15, prob=0.5),
        RandShiftIntensityd(IMAGE, offsets=0.05, prob=0.5),  # of the window: 75 HU
        RandAdjustContrastd(IMAGE, prob=0.3, gamma=(0.7, 1.4)),
        RandGaussianNoised(IMAGE, prob=0.5, std=0.04),
    ]
