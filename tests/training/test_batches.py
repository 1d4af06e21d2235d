from collections import Counter
from itertools import chain

import pytest
import torch.distributed as dist

from scripts.errors import UserError
from scripts.training import ClassBalancedBatches, OrderedBatches, ShuffledBatches

ITEMS = [{"label": label} for label in [0] * 23 + [1] * 11 + [2] * 7]


@pytest.fixture
def process(monkeypatch):
    """Pretend to be one process of several."""

    def become(rank, world_size):
        monkeypatch.setattr(dist, "is_initialized", lambda: True)
        monkeypatch.setattr(dist, "get_rank", lambda: rank)
        monkeypatch.setattr(dist, "get_world_size", lambda: world_size)

    return become


def balanced(epoch=0, seed=0, batches_per_epoch=9):
    sampler = ClassBalancedBatches(ITEMS, (4, 3, 3), batches_per_epoch, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_every_batch_has_the_stated_counts():
    for batch in balanced():
        assert Counter(ITEMS[index]["label"] for index in batch) == {0: 4, 1: 3, 2: 3}


def test_each_scan_of_a_class_is_used_once_before_any_is_used_twice_also_across_epochs():
    drawn = list(chain(*balanced(epoch=0), *balanced(epoch=1)))
    for label, size in enumerate((23, 11, 7)):
        of_class = [index for index in drawn if ITEMS[index]["label"] == label]
        for start in range(0, len(of_class) - size + 1, size):
            assert len(set(of_class[start : start + size])) == size


def test_seed_and_epoch_decide_the_batches():
    assert balanced() == balanced()
    assert balanced(epoch=3) == balanced(epoch=3)
    assert balanced() != balanced(seed=1)
    assert balanced() != balanced(epoch=1)


def test_processes_together_draw_what_one_process_with_larger_batches_draws(process):
    process(0, 2)
    first = balanced(batches_per_epoch=4)
    process(1, 2)
    second = balanced(batches_per_epoch=4)
    process(0, 1)
    alone = list(ClassBalancedBatches(ITEMS, (8, 6, 6), batches_per_epoch=4))
    for one, other, both in zip(first, second, alone, strict=True):
        assert sorted(one + other) == sorted(both)


def test_a_class_without_scans_is_named():
    with pytest.raises(UserError, match="3 scans of class 1; the training list has none"):
        ClassBalancedBatches([{"label": 0}, {"label": 2}], (4, 3, 3))


def test_shuffled_batches_use_each_scan_at_most_once_an_epoch():
    batches = list(ShuffledBatches(ITEMS, batch_size=4))
    drawn = list(chain(*batches))
    assert len(batches) == len(ITEMS) // 4
    assert len(set(drawn)) == len(drawn) == 40


def test_shuffled_processes_draw_different_scans(process):
    shares = []
    for rank in range(3):
        process(rank, 3)
        shares.append(set(chain(*ShuffledBatches(ITEMS, batch_size=4))))
    assert not shares[0] & shares[1] and not shares[0] & shares[2] and not shares[1] & shares[2]


def test_too_few_scans_for_a_batch_are_named():
    with pytest.raises(UserError, match="3 training scans fill no batch of 4"):
        ShuffledBatches(ITEMS[:3], batch_size=4)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ordered_processes_share_the_batches_of_one_and_repeat_no_scan(process, world_size):
    process(0, 1)
    alone = list(OrderedBatches(ITEMS, batch_size=6))
    shares = []
    for rank in range(world_size):
        process(rank, world_size)
        shares += list(OrderedBatches(ITEMS, batch_size=6))
    assert sorted(shares) == alone
    assert sorted(chain(*shares)) == list(range(len(ITEMS)))


def test_a_process_without_a_scan_is_refused_in_all_of_them(process):
    for rank in range(3):
        process(rank, 3)
        with pytest.raises(UserError, match="4 scans in batches of 2 leave some of 3 processes idle"):
            OrderedBatches(ITEMS[:4], batch_size=2)


def test_the_prior_that_batches_teach_is_known_without_drawing_one():
    assert ClassBalancedBatches(ITEMS, (4, 3, 3)).class_shares(3) == [0.4, 0.3, 0.3]
    assert ShuffledBatches(ITEMS, batch_size=4).class_shares(3) == [23 / 41, 11 / 41, 7 / 41]


def test_scans_of_a_class_without_a_count_are_refused_and_not_passed_over():
    with pytest.raises(UserError, match=r"counts=\[5, 5\] are of 2 classes, .* scans of class 2"):
        ClassBalancedBatches(ITEMS, (5, 5))


def test_shares_of_any_number_of_classes():
    items = [{"label": label} for label in (0, 0, 0, 1, 3)]
    balanced = ClassBalancedBatches([*items, {"label": 2}], [3, 3, 2, 2])
    assert balanced.class_shares(4) == [0.3, 0.3, 0.2, 0.2]
    assert ShuffledBatches(items, batch_size=2).class_shares(4) == [3 / 6, 1 / 6, 1 / 6, 1 / 6]


def test_shuffled_epochs_of_any_length_go_on_where_the_last_one_ended():
    def drawn(batches_per_epoch, epochs):
        batches = ShuffledBatches(ITEMS, batch_size=4, batches_per_epoch=batches_per_epoch)
        for epoch in range(epochs):
            batches.set_epoch(epoch)
            yield from batches

    whole = list(drawn(None, 3))
    assert len(whole) == 30 == len(list(drawn(10, 3)))
    assert list(drawn(3, 10)) == list(drawn(15, 2)) == whole


def test_a_class_balanced_epoch_needs_a_length():
    with pytest.raises(UserError, match="batches_per_epoch is None"):
        ClassBalancedBatches(ITEMS, (4, 3, 3), batches_per_epoch=None)


def seeds(sampler):
    return [[index.seed for index in batch] for batch in sampler]


@pytest.mark.parametrize(
    "sampler", [ClassBalancedBatches(ITEMS, batches_per_epoch=4), ShuffledBatches(ITEMS, batch_size=8)]
)
def test_a_run_that_goes_on_within_an_epoch_meets_the_rest_of_its_batches_with_their_seeds(sampler):
    sampler.set_epoch(2)
    batches, drawn = list(sampler), seeds(sampler)
    sampler.set_epoch(2, first=3)
    assert list(sampler) == batches[3:] and seeds(sampler) == drawn[3:]
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(batches)


def test_each_place_of_an_epoch_has_a_seed_of_its_own_in_every_process(process):
    drawn = []
    for rank in (0, 1):
        process(rank, 2)
        sampler = ClassBalancedBatches(ITEMS, batches_per_epoch=3)
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            drawn += chain(*seeds(sampler))
    assert len(set(drawn)) == len(drawn) == 2 * 2 * 3 * 10
