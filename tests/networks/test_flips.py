from itertools import product

import torch
from torch import nn

from scripts.networks import FlipInferer


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
