import math

import pytest
import torch

from scripts.lobes import LobeScores


def one_hot(labels):
    return torch.nn.functional.one_hot(labels, 6).movedim(-1, 0).float()


def two_slabs(border):
    """Lobes 1 and 2 behind one another along R, 12 x 7 x 5 voxels, with a border at a voxel."""
    labels = torch.zeros(12, 7, 5, dtype=torch.long)
    labels[1:border], labels[border:11] = 1, 2
    return one_hot(labels)


def test_hand_worked_case():
    scores = LobeScores()
    scores.add(two_slabs(7), two_slabs(5), (2.5, 1.0, 1.5))
    result = scores.result()
    assert result["dice_left_upper"] == pytest.approx(2 * 4 / (6 + 4))
    assert result["dice_left_lower"] == pytest.approx(2 * 4 / (4 + 6))
    assert result["dice"] == pytest.approx(0.8)  # lobes that the truth lacks do not count
    assert math.isnan(result["dice_right_middle"])
    assert 0 < result["surface_distance_left_upper"] < 2 * 2.5


def test_perfect_answers_have_dice_one_and_no_distance():
    scores = LobeScores()
    scores.add(two_slabs(6), two_slabs(6), (1, 2, 3))
    result = scores.result()
    assert result["dice"] == 1 and result["surface_distance"] == 0


def test_distance_is_in_millimetres():
    results = []
    for spacing in ((1, 1, 1), (3, 3, 3)):
        scores = LobeScores()
        scores.add(two_slabs(7), two_slabs(5), spacing)
        results.append(scores.result()["surface_distance"])
    assert results[1] == pytest.approx(3 * results[0])


def test_a_lobe_that_only_the_answer_lacks_has_dice_zero_and_no_distance():
    answer = two_slabs(6)
    answer[2] = 0
    scores = LobeScores()
    scores.add(answer, two_slabs(6), (1, 1, 1))
    result = scores.result()
    assert result["dice_left_lower"] == 0 and math.isnan(result["surface_distance_left_lower"])
    assert result["dice"] == pytest.approx(0.5)
