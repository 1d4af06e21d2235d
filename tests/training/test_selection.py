import math

import torch
from several_processes import in_processes

from scripts.processes import rank
from scripts.training import GatheredEpochMetric, log_likelihood, macro_auc

LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 2])
PROBABILITIES = torch.rand(7, 3, generator=torch.Generator().manual_seed(3)).softmax(dim=1)


def computed(function, own):
    metric = GatheredEpochMetric(function, check_compute_fn=False)
    for index in own:
        metric.update((PROBABILITIES[index : index + 1], LABELS[index : index + 1]))
    return metric.compute()


def test_processes_with_unlike_numbers_of_scans_compute_exactly_the_figure_of_one():
    for function in (log_likelihood, macro_auc):
        alone = computed(function, range(7))
        shares = in_processes(lambda f=function: computed(f, range(rank(), 7, 3)), count=3)
        assert shares == [alone] * 3


def test_the_order_of_the_scans_changes_no_bit():
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    assert log_likelihood(PROBABILITIES, LABELS) == log_likelihood(PROBABILITIES[order], LABELS[order])
    by_hand = [math.log(PROBABILITIES[i, label]) for i, label in enumerate(LABELS.tolist())]
    assert math.isclose(log_likelihood(PROBABILITIES, LABELS), sum(by_hand) / 7, rel_tol=1e-6)
