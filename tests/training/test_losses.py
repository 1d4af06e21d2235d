"""Oracle: Eq. 7 of Wang et al., by hand, with logits whose cross-entropies are logarithms of fractions."""

from math import log

import pytest
import torch

from scripts.networks import MultiTaskLogits
from scripts.training import MultiTaskLoss


def odds(*rows):
    """Logits whose softmax is proportional to the given numbers."""
    return torch.tensor(rows).float().log()


def test_hand_worked_case_of_equation_7():
    prediction = MultiTaskLogits(
        detection=odds([1, 1], [1, 3], [3, 1]),
        pneumonia_type=odds([1, 9], [3, 1], [1, 1]),
        combined=odds([1, 1, 2], [1, 1, 2], [1, 1, 2]),
    )
    label = torch.tensor([0, 1, 2])
    terms = MultiTaskLoss().terms(prediction, label)
    assert terms.detection.item() == pytest.approx((log(2) + log(4 / 3) + log(4)) / 3)
    assert terms.pneumonia_type.item() == pytest.approx(
        (log(4 / 3) + log(2)) / 2
    )  # the normal scan has no type
    assert terms.combined.item() == pytest.approx((log(4) + log(4) + log(2)) / 3)
    assert MultiTaskLoss()(prediction, label).item() == pytest.approx(sum(term.item() for term in terms))


def test_a_batch_without_pneumonia_contributes_no_type_loss_and_no_gradient():
    pneumonia_type = torch.randn(4, 2, requires_grad=True)
    prediction = MultiTaskLogits(torch.randn(4, 2), pneumonia_type, torch.randn(4, 3))
    loss = MultiTaskLoss()
    assert loss.terms(prediction, torch.zeros(4, dtype=torch.long)).pneumonia_type.item() == 0
    loss(prediction, torch.zeros(4, dtype=torch.long)).backward()
    torch.testing.assert_close(pneumonia_type.grad, torch.zeros(4, 2))


def test_a_single_output_trains_with_the_third_term_alone():
    logits, label = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 0])
    prediction = MultiTaskLogits(torch.randn(5, 2), torch.randn(5, 2), logits)
    torch.testing.assert_close(
        MultiTaskLoss()(logits, label), MultiTaskLoss().terms(prediction, label).combined
    )


def test_swapping_the_two_pneumonias_swaps_the_type_logits():
    loss = MultiTaskLoss()
    logits = torch.randn(6, 2)
    rest = torch.randn(6, 2), torch.randn(6, 3)
    label, swapped = torch.tensor([0, 1, 2, 1, 2, 2]), torch.tensor([0, 2, 1, 2, 1, 1])
    one = loss.terms(MultiTaskLogits(rest[0], logits, rest[1]), label).pneumonia_type
    other = loss.terms(MultiTaskLogits(rest[0], logits.flip(1), rest[1]), swapped).pneumonia_type
    torch.testing.assert_close(one, other)


def test_four_classes_are_class_0_against_the_rest_and_the_rest_told_apart():
    """Oracle: by hand; the type branch's first logit is class 1."""
    prediction = MultiTaskLogits(
        detection=odds([1, 1], [1, 3], [3, 1]),
        pneumonia_type=odds([1, 1, 1], [2, 1, 1], [1, 2, 5]),
        combined=odds([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]),
    )
    terms = MultiTaskLoss().terms(prediction, torch.tensor([0, 1, 3]))
    assert terms.detection.item() == pytest.approx((log(2) + log(4 / 3) + log(4)) / 3)
    assert terms.pneumonia_type.item() == pytest.approx((log(2) + log(8 / 5)) / 2)
    assert terms.combined.item() == pytest.approx(log(4))


def test_three_classes_lose_to_the_last_bit_what_the_papers_formula_says():
    prediction = MultiTaskLogits(torch.randn(9, 2), torch.randn(9, 2), torch.randn(9, 3))
    label = torch.arange(9) % 3
    ill = label != 0
    papers = torch.nn.functional.cross_entropy(
        prediction.pneumonia_type[ill], (label[ill] == 2).long(), reduction="sum"
    )
    assert MultiTaskLoss().terms(prediction, label).pneumonia_type == papers / 6


def test_label_smoothing_spreads_a_share_of_each_target_over_its_classes():
    prediction = MultiTaskLogits(odds([1, 3]), odds([1, 9]), odds([1, 1, 2]))
    terms = MultiTaskLoss(label_smoothing=0.3).terms(prediction, torch.tensor([2]))
    assert terms.detection.item() == pytest.approx(0.85 * log(4 / 3) + 0.15 * log(4))
    assert terms.pneumonia_type.item() == pytest.approx(0.85 * log(10 / 9) + 0.15 * log(10))
    assert terms.combined.item() == pytest.approx(0.8 * log(2) + 2 * 0.1 * log(4))
    assert MultiTaskLoss(0.3)(odds([1, 1, 2]), torch.tensor([2])).item() == pytest.approx(
        terms.combined.item()
    )
