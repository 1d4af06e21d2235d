import pytest
import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import Ensemble, mean_log_probability


def classifier():
    return nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 4, 3))


def different_pair():
    """An ensemble of two members with weights of their own, and its members."""
    pair = Ensemble(classifier(), count=2)
    for member in pair.members:
        nn.init.normal_(member[1].weight)
    return pair, list(pair.members)


def test_an_ensemble_answers_the_mean_of_its_members_probabilities():
    pair, (first, second) = different_pair()
    x = torch.rand(5, 1, 2, 3, 4)
    assert not torch.allclose(first(x), second(x))
    expected = (first(x).softmax(dim=1) + second(x).softmax(dim=1)) / 2
    torch.testing.assert_close(pair(x).softmax(dim=1), expected)


def test_members_share_no_weight_with_each_other_nor_with_the_network_they_were_copied_from():
    network = classifier()
    pair = Ensemble(network, count=2)
    parts = [network, *pair.members]
    assert len({weight.data_ptr() for part in parts for weight in part.parameters()}) == 3 * 2


def test_hand_worked_mean():
    logits = torch.tensor([[[3.0, 1.0]], [[1.0, 1.0]]]).log()  # 3/4, 1/4 and 1/2, 1/2
    torch.testing.assert_close(mean_log_probability(logits).exp(), torch.tensor([[0.625, 0.375]]))


def test_an_ensemble_scripts_to_the_same_answers():
    pair, _ = different_pair()
    x = torch.rand(2, 1, 2, 3, 4)
    torch.testing.assert_close(torch.jit.script(pair)(x), pair(x))


def test_an_ensemble_of_none_is_refused():
    with pytest.raises(UserError, match="an ensemble of 0 networks"):
        Ensemble(classifier(), count=0)
