"""What a prediction costs, and what the rest of a cross-validation will."""

import time

import torch
from ignite.engine import Events
from monai.engines import IterationEvents, Workflow

__all__ = ["Forecast", "NetworkTimer", "duration"]


class NetworkTimer:
    """Measure the seconds that a network takes for a scan that is already on its grid.

    The first batch, which also pays for what is set up once, does not count where there are others.

    Args:
        engine: an evaluator; measured while it runs.
    """

    def __init__(self, engine: Workflow) -> None:
        self.batches: list[tuple[float, int]] = []
        self.started = 0.0
        engine.add_event_handler(Events.ITERATION_STARTED, self._start)
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self._stop)

    @property
    def seconds_per_scan(self) -> float:
        """The mean over all scans but those of the first batch."""
        counted = self.batches[1:] or self.batches
        return sum(seconds for seconds, _ in counted) / sum(scans for _, scans in counted)

    def _start(self, engine: Workflow) -> None:
        _finish(engine)
        self.started = time.perf_counter()

    def _stop(self, engine: Workflow) -> None:
        _finish(engine)
        self.batches.append((time.perf_counter() - self.started, len(engine.state.output["image"])))


class Forecast:
    """After the first epoch of training, print how long the rest of the folds will take.

    Args:
        trainer: measured while it runs.
        folds: left to this process, the one that starts now among them.
    """

    def __init__(self, trainer: Workflow, folds: int) -> None:
        self.folds = folds
        self.started = 0.0
        self.said = False
        trainer.add_event_handler(Events.EPOCH_STARTED, self._start)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._say)

    def _start(self, engine: Workflow) -> None:
        self.started = time.perf_counter()

    def _say(self, engine: Workflow) -> None:
        if self.said:
            return
        self.said = True
        epoch = time.perf_counter() - self.started
        left = engine.state.max_epochs * self.folds - engine.state.epoch
        print(
            f"forecast: {epoch:.1f} s an epoch, {left} epochs left in {self.folds} folds: "
            f"{duration(epoch * left)} more, beside the predictions"
        )


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    Example:
        >>> duration(49), duration(5400), duration(100000)
        ('49 s', '1 h 30 min', '27 h 46 min')
    """
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _finish(engine: Workflow) -> None:
    if engine.state.device is not None and torch.device(engine.state.device).type == "cuda":
        torch.cuda.synchronize()
