from itertools import product

import torch
from torch import nn

from scripts.networks import Ensemble, FlipInferer


def network():
    layer = nn.Linear(2 * 3 * 4, 3)
    nn.init.normal_(layer.weight)
    return nn.Sequential(nn.Flatten(), layer)


def test_all_flips_of_three_axes_are_averaged_as_probabilities():
    classify, x = network(), torch.rand(5, 1, 2, 3, 4)
    views = [x.flip([axis for axis, flipped in zip((2, 3, 4), chosen, strict=True) if flipped])
             for chosen in product((False, True), repeat=3)]  # fmt: skip
    expected = torch.stack([classify(view).softmax(dim=1) for view in views]).mean(dim=0)
    torch.testing.assert_close(FlipInferer()(x, classify).softmax(dim=1), expected)
    assert len(views) == len(FlipInferer().flips) == 8


def test_the_answer_for_a_scan_and_its_mirror_image_is_the_same():
    classify, x = network(), torch.rand(2, 1, 2, 3, 4)
    infer = FlipInferer(axes=[2])
    torch.testing.assert_close(infer(x, classify), infer(x.flip(2), classify))
    assert not torch.allclose(infer(x, classify), infer(x.flip(3), classify))


def test_no_axes_is_no_augmentation():
    classify, x = network(), torch.rand(2, 1, 2, 3, 4)
    torch.testing.assert_close(FlipInferer(axes=[])(x, classify), classify(x).log_softmax(dim=1))


def test_all_grids_of_a_scan_are_flipped_alike():
    one, other = network(), nn.Sequential(nn.Flatten(), nn.Linear(4 * 2 * 5, 3))
    x, y = torch.rand(2, 1, 2, 3, 4), torch.rand(2, 1, 4, 2, 5)
    pair = Ensemble([one, other], grids=[0, 1])
    views = [(one(x.flip(axes)), other(y.flip(axes))) for axes in ([], [2], [4], [2, 4])]
    expected = torch.stack([logits.softmax(dim=1) for view in views for logits in view]).mean(dim=0)
    torch.testing.assert_close(FlipInferer(axes=[2, 4])(x, pair, y).softmax(dim=1), expected)
