"""Which scans meet in a batch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from scripts.errors import UserError
from scripts.processes import rank, world_size
from scripts.seeds import SeededIndex, Stream, seed_of

__all__ = ["ClassBalancedBatches", "OrderedBatches", "ShuffledBatches"]


class _EpochBatches(Sampler[list[int]]):
    """Batches that follow from the seed and the epoch alone, so that a resumed run draws the same ones.

    So do the random changes of their scans: each index brings a seed along, which follows from the run's
    seed, the epoch and the index in the epoch. Under ``torchrun`` each process draws its own share of the
    same shuffled scans.
    """

    def __init__(self, batches_per_epoch: int, seed: int) -> None:
        self.batches_per_epoch = batches_per_epoch
        self.seed = seed
        self.epoch, self.first = 0, 0
        self.rank, self.world_size = rank(), world_size()

    def set_epoch(self, epoch: int, first: int = 0) -> None:
        """Choose which batches come next.

        Args:
            epoch: counted from 0.
            first: of its batches; a run that goes on within an epoch had those before it.
        """
        self.epoch, self.first = epoch, first

    def __iter__(self) -> Iterator[list[int]]:
        epoch = self.epoch
        for step in range(self.first, self.batches_per_epoch):
            share = step * self.world_size + self.rank
            batch = self.batch(epoch, share)
            places = range(share * len(batch), (share + 1) * len(batch))
            yield [
                SeededIndex(index, seed_of(Stream.SAMPLE, self.seed, epoch, place))
                for index, place in zip(batch, places, strict=True)
            ]

    def batch(self, epoch: int, share: int) -> list[int]:
        """Return the indices of a batch; all of one length.

        Args:
            epoch: counted from 0.
            share: number of the batch in it, counted over all processes.
        """
        raise NotImplementedError

    def class_shares(self, classes: int) -> list[float]:
        """Return the share of each class in the batches: the prior that a network learns from them.

        Args:
            classes: number of classes.
        """
        # A class without scans counts as one: no share is zero, so that priors can be divided.
        counts = np.array([max(count, 1) for count in self.class_counts(classes)], dtype=float)
        return (counts / counts.sum()).tolist()

    def class_counts(self, classes: int) -> Sequence[int]:
        """Return how often each class comes, in any unit."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.batches_per_epoch


class ClassBalancedBatches(_EpochBatches):
    """Draw each batch with a stated number of scans of each class.

    Wang et al., IEEE TMI 39(8), 2020: 4 non-pneumonia, 3 other pneumonia and 3 COVID-19. Each class is
    shuffled and dealt out without end: each of its scans is used once before any is used twice, also
    across epochs.

    Args:
        data: datalist items, each with ``label``.
        counts: scans of class 0, 1, ... in the batch of each process.
        batches_per_epoch: length of an epoch.
        seed: of the shuffling.

    Raises:
        UserError: a class that the batches need has no scan, a scan's class has no count, or an epoch no end.

    Example:
        >>> items = [{"label": label} for label in (0, 0, 1, 2)]
        >>> batches = ClassBalancedBatches(items, counts=(2, 1, 1), batches_per_epoch=3)
        >>> [sorted(batch) for batch in batches]
        [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        counts: Sequence[int] = (4, 3, 3),
        batches_per_epoch: int | None = 100,
        seed: int = 0,
    ) -> None:
        if batches_per_epoch is None:
            raise UserError("batches_per_epoch is None; class-balanced batches have no end: give a number")
        super().__init__(batches_per_epoch, seed)
        labels = np.array([item["label"] for item in data])
        self.counts = tuple(counts)
        self.members = [np.flatnonzero(labels == label) for label in range(len(self.counts))]
        if len(labels) and max(labels) >= len(self.counts):
            raise UserError(
                f"counts={list(self.counts)} are of {len(self.counts)} classes, and the training list has "
                f"scans of class {max(labels)}; give a count for every class"
            )
        for label, (count, members) in enumerate(zip(self.counts, self.members, strict=True)):
            if count and not len(members):
                raise UserError(
                    f"each batch needs {count} scans of class {label}; the training list has none"
                )

    def batch(self, epoch: int, share: int) -> list[int]:
        share += epoch * self.batches_per_epoch * self.world_size
        return [
            index
            for label, count in enumerate(self.counts)
            for index in self._deal(label, share * count, (share + 1) * count)
        ]

    def class_counts(self, classes: int) -> Sequence[int]:
        return self.counts

    def _deal(self, label: int, start: int, stop: int) -> list[int]:
        """Return cards start to stop of the class's endless, ever newly shuffled pack."""
        members = self.members[label]
        cards = []
        for position in range(start, stop):
            turn, place = divmod(position, len(members))
            cards.append(int(members[self._shuffle(label, turn)[place]]))
        return cards

    def _shuffle(self, label: int, turn: int) -> np.ndarray:
        return np.random.default_rng((self.seed, label, turn)).permutation(len(self.members[label]))


class ShuffledBatches(_EpochBatches):
    """Shuffle all scans and cut them into batches, again and again; the few that fill no batch sit out.

    Shi et al., 2021, train so, with batches of 4 and a shuffle an epoch.

    Args:
        data: datalist items.
        batch_size: scans in the batch of each process.
        seed: of the shuffling.
        batches_per_epoch: length of an epoch, of which the next goes on where it ends; None: one shuffle.

    Raises:
        UserError: there are fewer scans than one batch of every process takes.

    Example:
        >>> len(ShuffledBatches([{"label": 0}] * 10, batch_size=4))
        2
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        batch_size: int = 4,
        seed: int = 0,
        batches_per_epoch: int | None = None,
    ) -> None:
        super().__init__(0, seed)
        self.count = len(data)
        self.labels = [item.get("label") for item in data]
        self.batch_size = batch_size
        self.batches_per_shuffle = self.count // (batch_size * self.world_size)
        self.batches_per_epoch = self.batches_per_shuffle if batches_per_epoch is None else batches_per_epoch
        if not self.batches_per_shuffle:
            raise UserError(
                f"{self.count} training scans fill no batch of {batch_size} in {self.world_size} processes; "
                f"lower the batch size"
            )

    def class_counts(self, classes: int) -> Sequence[int]:
        return [self.labels.count(label) for label in range(classes)]

    def batch(self, epoch: int, share: int) -> list[int]:
        step, process = divmod(share, self.world_size)
        turn, place = divmod(epoch * self.batches_per_epoch + step, self.batches_per_shuffle)
        order = np.random.default_rng((self.seed, turn)).permutation(self.count)
        start = (place * self.world_size + process) * self.batch_size
        return order[start : start + self.batch_size].tolist()


class OrderedBatches(Sampler[list[int]]):
    """Cut all scans into batches in their order; each process takes every so many-th batch.

    For evaluation and inference: no scan is left out, none comes twice, and each meets the companions in
    its batch that it would meet in a single process, so its answer is the same to the last bit.

    Args:
        data: a data set or datalist items.
        batch_size: scans in a batch; the last may have fewer.

    Raises:
        UserError: there are fewer batches than processes.

    Example:
        >>> list(OrderedBatches(range(5), batch_size=2))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, data: Sequence[Any], batch_size: int) -> None:
        starts = range(0, len(data), batch_size)
        if len(starts) < world_size():
            raise UserError(
                f"{len(data)} scans in batches of {batch_size} leave some of {world_size()} processes idle; "
                f"lower the batch size or start fewer processes"
            )
        own = starts[rank() :: world_size()]
        self.batches = [list(range(start, min(start + batch_size, len(data)))) for start in own]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)
