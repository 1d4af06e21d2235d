"""Wang et al., IEEE TMI 39(8), 2020, as a table of claims: what the configs and the running objects do."""

import itertools

import pytest
import torch
from rules import configs, rates
from scipy import stats

from scripts.networks import pa_66_m
from scripts.training import prior_attention_augmentation

SETTINGS = {  # section 3 and 4; what the paper does not state stands below
    "max_epochs": 300,
    "batches_per_epoch": 100,
    "val_interval": 1,  # after each epoch
    "window": [-500, 1500],  # level, width, HU
    "region::_target_": "scripts.transforms.LungRegion",
    "loss": {"_target_": "scripts.training.MultiTaskLoss"},  # Eq. 7, without smoothing
    "selection_metric": {"accuracy": "@accuracy"},  # the highest online accuracy
    "augmentation": {"_target_": "scripts.training.prior_attention_augmentation"},
    "amp": False,  # float32
    "network_def::_target_": "scripts.networks.pa_66_m",
    "test_time_inferer": {"_target_": "SimpleInferer"},
    "kept_network": "@network",
}
CHOSEN = {"region::margin": 10.0}


@pytest.mark.parametrize(("key", "value"), (SETTINGS | CHOSEN).items(), ids=(SETTINGS | CHOSEN).keys())
def test_the_config_says_what_the_paper_says(key, value):
    assert configs("train").get(key) == value


def test_the_grid_is_96_cubed():
    assert configs("train").get_parsed_content("spatial_shape") == [96, 96, 96]


def test_a_batch_holds_four_three_and_three():
    parser = configs("train")
    parser.update({"num_classes": 3})
    assert parser.get_parsed_content("batch_sampler::counts") == [4, 3, 3]


def test_the_rate_falls_to_95_percent_every_500_of_30_000_iterations():
    parser = configs("train")
    seen, optimizer = rates(parser, parser.get("batches_per_epoch"), parser.get("max_epochs"))
    assert len(seen) == 30_000
    for iteration in (1, 500, 501, 1000, 1001, 29_500, 29_501, 30_000):
        assert seen[iteration - 1] == pytest.approx(1e-4 * 0.95 ** ((iteration - 1) // 500)), iteration
    assert type(optimizer) is torch.optim.SGD
    (group,) = optimizer.param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.9, 0, False)


def test_each_of_four_turns_and_eight_flips_is_equally_likely():
    """The 4 turns and 8 flips make 16 positions of a volume, each of them twice."""
    volume = torch.arange(4 * 4 * 3.0).reshape(1, 4, 4, 3)
    positions = {}
    for turns, flips in itertools.product(range(4), itertools.product([0, 1], repeat=3)):
        moved = volume.rot90(turns, (1, 2)).flip([axis + 1 for axis, flip in enumerate(flips) if flip])
        positions.setdefault(tuple(moved.flatten().tolist()), len(positions))
    transforms = prior_attention_augmentation()
    for number, transform in enumerate(transforms):
        transform.set_random_state(number)
    counts = [0] * len(positions)
    for _ in range(1600):
        item = {"image": volume.clone()}
        for transform in transforms:
            item = transform(item)
        counts[positions[tuple(torch.as_tensor(item["image"]).flatten().tolist())]] += 1
    assert len(counts) == 16 and stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("branch", ["detection", "type"])
def test_both_branches_learn_through_the_prior(branch):
    """Eqs. 5 and 6: nothing of a unit is cut off; its gradient is that of finite differences."""
    torch.manual_seed(0)
    network = pa_66_m(num_classes=3, spatial_shape=[32, 16, 16]).double().eval()
    unit = network.stages["group_1_unit_1"]
    detection, kind, probe = (torch.randn(1, 16, 3, 4, 2, dtype=torch.float64) for _ in range(3))
    detection.requires_grad_()

    def answer(x):
        return (unit(x, kind)[["detection", "type"].index(branch)] * probe).sum()

    (gradient,) = torch.autograd.grad(answer(detection), detection)
    step = 1e-3 * torch.randn(detection.shape, dtype=torch.float64)
    difference = (answer(detection + step) - answer(detection - step)).item()
    assert abs(difference) > 1e-5
    assert difference == pytest.approx(2 * (gradient * step).sum().item(), rel=0.02)


@pytest.mark.parametrize(
    ("recipe", "network"),
    [("wa_66", "wa_66"), ("sa_66", "sa_66"), ("wa_66_m", "wa_66_m"), ("sa_66_m", "sa_66_m")],
)
def test_the_other_four_networks_differ_in_the_network_alone(recipe, network):
    plain, other = (configs(*names).get() for names in (("train",), ("train", f"recipe_{recipe}")))
    assert other["network_def"]["_target_"] == f"scripts.networks.{network}"
    assert {key for key in plain if plain[key] != other[key]} == {"network_def"}


def test_the_lobe_network_s_grid_and_batch_are_the_paper_s_its_rate_is_chosen_here():
    """Z x Y x X of the paper is S x A x R here: 128 x 96 x 128; a batch has 2 scans."""
    parser = configs("train_lobes")
    assert parser.get("spatial_shape") == [128, 96, 128] and parser.get("batch_size") == 2
    assert parser.get("learning_rate") == 1e-3 and parser.get("window") == [-500, 1500]
    assert parser.get("max_epochs") == 200
