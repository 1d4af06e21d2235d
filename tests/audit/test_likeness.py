import itertools

import numpy as np
import pytest

from scripts.audit.likeness import alike_pairs

SHAPE = (4, 6, 8)


def signatures(count, seed=0):
    values = np.random.default_rng(seed).integers(-127, 128, (count, 1, *SHAPE))
    return (values - values.mean((2, 3, 4), keepdims=True)).round().astype(np.int8)


def test_likeness_is_the_best_correlation_over_the_eight_mirrorings():
    """Oracle: flip and multiply."""
    a, b = signatures(2)[:, 0].astype(float)
    flips = [axes for n in range(4) for axes in itertools.combinations(range(3), n)]
    cosines = [(a * np.flip(b, axes)).sum() for axes in flips]
    expected = max(cosines) / np.sqrt((a**2).sum() * (b**2).sum())
    [(i, j, likeness)] = alike_pairs(signatures(2), -1)
    assert (i, j) == (0, 1) and likeness == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("axes", [(), (0,), (1, 2), (0, 1, 2)])
def test_a_mirrored_copy_among_strangers_is_the_only_pair(axes):
    found = signatures(20)
    found[13, 0] = np.flip(found[4, 0], axes)
    assert [(i, j) for i, j, _ in alike_pairs(found, 0.9)] == [(4, 13)]


def test_a_variant_of_one_meets_the_whole_of_the_other():
    found = np.stack([signatures(9, seed)[:, 0] for seed in range(3)], axis=1)
    found[2, 1] = found[7, 0]
    found[3, 0] = found[8, 2]
    assert [(i, j) for i, j, _ in alike_pairs(found, 0.9)] == [(2, 7), (3, 8)]


def test_blocks_do_not_change_the_pairs(monkeypatch):
    found = signatures(16)
    found[15, 0] = found[1, 0]
    whole = alike_pairs(found, 0.15)
    monkeypatch.setattr("scripts.audit.likeness.BLOCK", 7)
    assert [pair[:2] for pair in alike_pairs(found, 0.15)] == [pair[:2] for pair in whole]


def test_sketches_miss_no_pair_whatever_the_noise_on_a_copy():
    """Oracle: the correlation itself, of copies with more and more noise, from 0.98 down to 0.8."""
    random = np.random.default_rng(3)
    first = random.normal(size=(40, *SHAPE))
    second = first + np.linspace(0.2, 0.75, 40)[:, None, None, None] * random.normal(size=first.shape)
    found = np.clip(np.stack([first, second], 1).reshape(80, 1, *SHAPE) * 25, -127, 127).astype(np.int8)
    whole = found.reshape(80, -1).astype(float)
    cosines = (
        (whole[::2] * whole[1::2]).sum(1)
        / np.linalg.norm(whole[::2], axis=1)
        / np.linalg.norm(whole[1::2], axis=1)
    )
    expected = [(2 * k, 2 * k + 1) for k in np.flatnonzero(cosines >= 0.9)]
    assert 10 < len(expected) < 35
    assert [(i, j) for i, j, _ in alike_pairs(found, 0.9)] == expected
