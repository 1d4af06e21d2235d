"""Shi et al., 2021 (arXiv:2105.06779), as a table of claims: what the configs and the running objects do."""

import math

import pytest
import torch
from rules import configs, moves, rates

from scripts.training import dual_attention_augmentation

RECIPES = ["recipe_resnet18", "recipe_ca_resnet18", "recipe_da_resnet18", "recipe_da_ca_resnet18"]
SETTINGS = {
    "spatial_shape": [224, 224, 64],  # R, A, S; the paper writes 64 x 224 x 224
    "region": {"_target_": "scripts.transforms.WholeScanRegion"},
    "loss": {"_target_": "torch.nn.CrossEntropyLoss"},
    "augmentation": {"_target_": "scripts.training.dual_attention_augmentation"},
    "max_epochs": 50,  # not stated; chosen here, as the two below
    "batches_per_epoch": None,  # each scan once an epoch
    "selection_metric": {"log_likelihood": "@log_likelihood"},  # the lowest validation loss
    "batch_sampler::batch_size": 4,
    "val_interval": 1,
    "window": [-500, 1500],
}
SIZE = (40, 36, 3)


@pytest.fixture(scope="module")
def drawn():
    return list(moves(dual_attention_augmentation(), SIZE, draws=300))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("key", "value"), SETTINGS.items(), ids=SETTINGS.keys())
def test_each_recipe_says_what_the_paper_says(recipe, key, value):
    assert configs("train", recipe).get(key) == value


@pytest.mark.parametrize("recipe", RECIPES)
def test_adam_anneals_by_half_a_cosine_from_a_thousandth_to_zero(recipe):
    parser = configs("train", recipe)
    epochs, batches = parser.get("max_epochs"), 7
    parser.update({"iterations": epochs * batches})
    seen, optimizer = rates(parser, batches, epochs)
    assert type(optimizer) is torch.optim.Adam and optimizer.param_groups[0]["weight_decay"] == 0
    whole = epochs * batches
    for iteration in (0, 1, batches, whole // 2, whole - 1):
        expected = 1e-3 * (1 + math.cos(math.pi * iteration / whole)) / 2
        assert seen[iteration] == pytest.approx(expected, abs=1e-9), iteration


def test_the_cosine_lasts_as_long_as_training():
    assert configs("train", RECIPES[0]).get("iterations") == "$@max_epochs * len(@batch_sampler)"


def test_turns_of_up_to_five_degrees_about_the_long_axis(drawn):
    turns = [abs(one.turn) for one in drawn]
    assert (
        4.5 < max(turns) < 5.6 and sum(turn > 2.5 for turn in turns) > 100
    )  # zooms along two axes shear a turn
    assert max(one.along_s for one in drawn) < 0.01


def test_zooms_from_nine_to_eleven_tenths_drawn_for_each_axis(drawn):
    for axis in range(2):
        zooms = [one.zooms[axis] for one in drawn]
        assert 0.89 < min(zooms) < 0.92 and 1.08 < max(zooms) < 1.11
    assert max(abs(one.zooms[0] - one.zooms[1]) for one in drawn) > 0.1


def test_shifts_of_up_to_five_voxels_within_the_slice(drawn):
    for axis in range(2):
        shifts = [one.shift[axis] for one in drawn]
        assert 4.5 < max(shifts) < 5.7


def test_half_of_the_scans_are_mirrored_from_left_to_right(drawn):
    assert 120 < sum(one.mirrored for one in drawn) < 180


def test_what_comes_from_outside_is_air(drawn):
    assert min(one.least for one in drawn) == 0
