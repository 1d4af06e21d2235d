import pytest
import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import Ensemble, mean_log_probability


def classifier():
    return nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 4, 3))


def different_pair():
    """An ensemble of two members with weights of their own, and its members."""
    members = [classifier(), classifier()]
    for member in members:
        nn.init.normal_(member[1].weight)
    return Ensemble(members), members


def test_an_ensemble_answers_the_mean_of_its_members_probabilities():
    pair, (first, second) = different_pair()
    x = torch.rand(5, 1, 2, 3, 4)
    assert not torch.allclose(first(x), second(x))
    expected = (first(x).softmax(dim=1) + second(x).softmax(dim=1)) / 2
    torch.testing.assert_close(pair(x).softmax(dim=1), expected)


def test_each_member_sees_the_grid_that_is_its_own():
    first, second, third = nn.Linear(2, 3), nn.Linear(5, 3), nn.Linear(2, 3)
    small, large = torch.rand(4, 2), torch.rand(4, 5)
    answer = Ensemble([first, second, third], grids=[0, 1, 0])(small, large).softmax(dim=1)
    alone = [first(small), second(large), third(small)]
    torch.testing.assert_close(answer, torch.stack(alone).softmax(dim=2).mean(dim=0))


def test_three_members_answer_by_their_mean_not_by_their_median():
    logits = torch.tensor([[[9.0, 1.0]], [[8.0, 2.0]], [[1.0, 9.0]]]).log()  # 0.9, 0.8 and 0.1
    torch.testing.assert_close(mean_log_probability(logits).exp(), torch.tensor([[0.6, 0.4]]))


def test_hand_worked_mean():
    logits = torch.tensor([[[3.0, 1.0]], [[1.0, 1.0]]]).log()  # 3/4, 1/4 and 1/2, 1/2
    torch.testing.assert_close(mean_log_probability(logits).exp(), torch.tensor([[0.625, 0.375]]))


def test_an_ensemble_of_none_is_refused():
    with pytest.raises(UserError, match="an ensemble of no networks: name its checkpoints"):
        Ensemble([])
