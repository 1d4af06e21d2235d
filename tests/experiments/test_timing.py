import pytest
import torch
from ignite.engine import Engine
from monai.engines import IterationEvents

from scripts.experiments import timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is turned."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def turn(seconds):
        now[0] += seconds

    return turn


def run(clock, seconds, scans, epochs=1):
    """Run an engine whose n-th batch takes the n-th number of seconds."""

    def step(engine, index):
        clock(seconds[index])
        engine.state.output = {"image": torch.zeros(scans[index], 1)}
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        clock(100)  # what follows is not the network's
        return engine.state.output

    engine = Engine(step)
    engine.register_events(*IterationEvents)
    engine.state.device = torch.device("cpu")
    timer = timing.NetworkTimer(engine)
    engine.run(range(len(seconds)), max_epochs=epochs)
    return timer.seconds_per_scan


def test_the_first_batch_does_not_count_where_there_are_others(clock):
    assert run(clock, seconds=[50.0, 2.0, 1.0], scans=[4, 4, 2]) == pytest.approx(3.0 / 6)


def test_a_single_batch_counts(clock):
    assert run(clock, seconds=[2.0], scans=[4]) == pytest.approx(0.5)


def test_the_forecast_is_the_first_epoch_times_those_left(clock, capsys):
    trainer = Engine(lambda *_: clock(30))
    timing.Forecast(trainer, folds=2)
    trainer.run([0], max_epochs=11)
    assert (
        capsys.readouterr().out
        == "forecast: 30.0 s an epoch, 21 epochs left in 2 folds: 10 min more, beside the predictions\n"
    )
