from types import SimpleNamespace

import pytest
import torch
from several_processes import in_processes
from torch import nn

from scripts.processes import rank
from scripts.training import AverageStatistics, average_gradients

X, Y = torch.randn(8, 3, generator=torch.Generator().manual_seed(1)), torch.arange(8.0)[:, None]


def engine(iteration, epoch_length):
    return SimpleNamespace(state=SimpleNamespace(iteration=iteration, epoch_length=epoch_length))


def network():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def step(plain, trained, x, y):
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    nn.functional.mse_loss(trained(x), y).backward()
    optimizer.step()
    return {name: value.detach().clone() for name, value in plain.state_dict().items()}


def test_two_processes_take_the_step_of_one_with_both_batches():
    def half():
        plain = network()
        own = slice(4 * rank(), 4 * rank() + 4)
        return step(plain, average_gradients(plain, torch.device("cpu")), X[own], Y[own])

    first, second = in_processes(half)
    alone = network()
    for name, value in step(alone, alone, X, Y).items():
        torch.testing.assert_close(first[name], value)
        assert torch.equal(first[name], second[name])


def test_running_statistics_are_those_of_all_processes_batches_at_the_end_of_an_epoch():
    def statistics():
        norm = nn.BatchNorm1d(3)
        norm(X[4 * rank() : 4 * rank() + 4])
        average = AverageStatistics(norm)
        average(engine(iteration=5, epoch_length=2))
        before = norm.running_mean.clone()
        average(engine(iteration=6, epoch_length=2))
        return before, norm.running_mean, norm.num_batches_tracked.item()

    (first, mean, count), (second, other, _) = in_processes(statistics)
    assert not torch.allclose(first, second) and count == 1
    assert torch.equal(mean, other)
    torch.testing.assert_close(mean, 0.1 * X.mean(dim=0))  # momentum 0.1, from zero


def test_a_process_that_learns_alone_needs_no_wrapper():
    with pytest.raises(ValueError, match="process group"):
        average_gradients(network(), torch.device("cpu"))
