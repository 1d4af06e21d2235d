import numpy as np
import pytest

from scripts.explanation import localise, summarise

SHAPE = (4, 5, 6)


@pytest.fixture
def lesions():
    mask = np.zeros(SHAPE, bool)
    mask[1:3, 2, 3] = True
    return mask


def test_a_hand_worked_map(lesions):
    """Two lesion voxels of 120; the heat is 255 and 51 there, 102 in one voxel outside."""
    steps = np.zeros(SHAPE, np.uint8)
    steps[1, 2, 3], steps[2, 2, 3], steps[0, 0, 0] = 255, 51, 102
    lungs = np.zeros(SHAPE, bool)
    lungs[1:3, 2, 1:5] = True
    figures = localise(steps, lesions, np.ones(SHAPE, bool), (1, 2, 3), lungs)
    assert figures["pointing"] == 1 and not figures["empty"]
    assert figures["heat_in_lesions"] == pytest.approx(306 / 408)
    assert figures["lesions_in_box"] == pytest.approx(2 / 120)
    assert figures["heat_in_lungs"] == pytest.approx(306 / 408)
    assert figures["heat_in_lesions_of_lungs"] == 1
    assert figures["lesions_in_lungs"] == pytest.approx(2 / 8)
    dice = dict(zip(range(5, 100, 5), figures["dice"], strict=True))
    assert dice[20] == pytest.approx(2 * 2 / (3 + 2)) and dice[40] == pytest.approx(2 * 1 / (2 + 2))
    assert dice[45] == dice[95] == pytest.approx(2 * 1 / (1 + 2), abs=1e-4)


def test_the_perfect_map_scores_one_and_the_even_map_scores_chance(lesions):
    seen = np.ones(SHAPE, bool)
    perfect = localise(lesions * np.uint8(255), lesions, seen, (1, 2, 3))
    assert perfect["heat_in_lesions"] == 1 and set(perfect["dice"]) == {1.0}
    even = localise(np.full(SHAPE, 7, np.uint8), lesions, seen, (0, 0, 0))
    assert even["heat_in_lesions"] == pytest.approx(even["lesions_in_box"]) and even["pointing"] == 0


def test_only_what_the_network_saw_is_its_volume_but_lesions_outside_cost_dice(lesions):
    seen = np.zeros(SHAPE, bool)
    seen[:2] = True
    figures = localise(lesions * seen * np.uint8(255), lesions, seen, (1, 2, 3))
    assert figures["lesions_in_box"] == pytest.approx(1 / 60)
    assert figures["dice"][0] == pytest.approx(2 / 3, abs=1e-4)


def test_a_map_of_zeros_points_at_nothing(lesions):
    figures = localise(np.zeros(SHAPE, np.uint8), lesions, np.ones(SHAPE, bool), (1, 2, 3))
    assert figures["empty"] and figures["pointing"] == figures["heat_in_lesions"] == 0 == max(figures["dice"])


def test_the_summary_s_enrichment_is_a_ratio_of_means_and_its_best_threshold_one_for_all():
    def scan(heat, volume, dice):
        return {
            "empty": False, "pointing": 1.0, "heat_in_lesions": heat, "lesions_in_box": volume,
            "dice": dice, "randomised_correlation": 0.5, "randomised_empty": 0.0,
        }  # fmt: skip

    first, second = [0.0] * 19, [0.0] * 19
    first[3], first[6], second[6], second[9] = 0.9, 0.4, 0.6, 0.8
    summary = summarise([scan(0.4, 0.1, first), scan(0.2, 0.05, second)], ["a", "b"])
    assert summary["enrichment_in_box"]["value"] == pytest.approx(4)
    assert summary["enrichment_in_box"]["interval_95_percent"] == pytest.approx([4, 4])
    assert summary["dice_at_best_threshold"]["value"] == pytest.approx(0.5)
    assert summary["dice_at_best_threshold"]["threshold"] == pytest.approx(0.35)
    assert summary["dice_at_0.5"]["value"] == pytest.approx(0.4)
    assert summary["pointing_game"]["chance"] == pytest.approx(0.075)
    assert summary["scans"] == 2 and summary["empty_maps"] == 0
