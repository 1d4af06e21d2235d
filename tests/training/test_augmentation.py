import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import RandAffined

from scripts.training import RandInPlaneAffined, dual_attention_augmentation, prior_attention_augmentation

GRID = (12, 12, 7)


def volumes(transforms, count, image=None):
    if image is None:
        image = torch.rand(1, *GRID, generator=torch.Generator().manual_seed(1))
    for index, transform in enumerate(transforms):
        transform.set_random_state(index)
    for _ in range(count):
        item = {"image": image.clone()}
        for transform in transforms:
            item = transform(item)
        yield image, item["image"]


def test_prior_attention_augmentation_only_permutes_voxels_and_keeps_the_long_axis():
    seen = set()
    for image, changed in volumes(prior_attention_augmentation(), 300):
        assert changed.shape == image.shape
        torch.testing.assert_close(changed.flatten().sort().values, image.flatten().sort().values)
        slices = {tuple(image[..., s].flatten().sort().values.tolist()) for s in range(GRID[2])}
        assert {tuple(changed[..., s].flatten().sort().values.tolist()) for s in range(GRID[2])} == slices
        seen.add(tuple(changed.flatten()[:20].tolist()))
    assert len(seen) == 16  # the 8 symmetries of a square, upright and upside down


def test_dual_attention_augmentation_moves_the_image_a_little_within_slices():
    differences = [
        (changed.mean(dim=(1, 2)).sort().values - image.mean(dim=(1, 2)).sort().values).abs().max().item()
        for image, changed in volumes(dual_attention_augmentation(), 20)
    ]
    assert len({round(difference, 6) for difference in differences}) > 10
    assert max(differences) < 0.5


def test_dual_attention_augmentation_flips_left_and_right_only():
    """A slope along each axis keeps its direction, but along R, where half of the scans are flipped."""
    size = (36, 34, 5)
    slopes = torch.stack(torch.meshgrid(*(torch.arange(1.0, count + 1) for count in size), indexing="ij"))
    rises = []
    for _, changed in volumes(dual_attention_augmentation(), 40, slopes.sum(dim=0)[None]):
        middle = changed[0, 10:-10, 10:-10]  # nothing that is shifted in from outside
        rises.append([middle.diff(dim=axis).mean().sign().item() for axis in range(3)])
    right, front, head = torch.tensor(rises).T
    assert (front == 1).all() and (head == 1).all()
    assert 8 < (right == 1).sum() < 32


RANGES = {"rotate_range": (0.0, 0.0, 0.4), "translate_range": (3.0, 2.0, 0.0), "scale_range": (0.2, 0.1, 0.0)}


@pytest.mark.parametrize("prob", [1.0, 0.5])
def test_one_map_of_the_plane_moves_images_as_monai_s_affine_does(prob):
    """Oracle: ``RandAffined`` with the same seed; with two channels, and more columns than rows."""
    theirs = RandAffined(["image", "label"], prob=prob, **RANGES, padding_mode="zeros", cache_grid=False)
    ours = RandInPlaneAffined(["image", "label"], prob, **RANGES)
    affine = torch.diag(torch.tensor([1.5, -2.0, 3.0, 1.0], dtype=torch.float64))
    changed = 0
    for seed in range(12):
        image = MetaTensor(torch.rand(2, 14, 19, 5, generator=torch.Generator().manual_seed(seed)), affine)
        item = {"image": image, "label": image[:1] * 2}
        expected = theirs.set_random_state(seed)(item)
        found = ours.set_random_state(seed)(item)
        for key in item:
            torch.testing.assert_close(found[key].as_tensor(), expected[key].as_tensor(), atol=1e-4, rtol=0)
            torch.testing.assert_close(found[key].affine, expected[key].affine, atol=1e-6, rtol=0)
        changed += not torch.equal(found["image"].as_tensor(), image.as_tensor())
    assert changed == 12 if prob == 1 else 0 < changed < 12


@pytest.mark.parametrize(
    "wrong",
    [{"rotate_range": (0.1, 0.0, 0.1)}, {"translate_range": (0.0, 0.0, 1.0)}, {"scale_range": (0, 0, 0.1)}],
)
def test_a_map_that_leaves_the_plane_is_refused(wrong):
    with pytest.raises(ValueError, match="slices stay in their planes"):
        RandInPlaneAffined("image", 1.0, **RANGES | wrong)
