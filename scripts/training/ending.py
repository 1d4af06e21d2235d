"""How a run ends before its time: in one line, and where its state is whole."""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

from ignite.engine import Events
from monai.engines import Workflow

__all__ = ["TRY_AGAIN", "ErrorsInOneLine", "Interruption", "outlive_signals"]

TRY_AGAIN = os.EX_TEMPFAIL  # 75: the status of a run that is to be started again
STATUS = {signal.SIGTERM: TRY_AGAIN, signal.SIGINT: 128 + signal.SIGINT}
REPEATED = "run is terminating due to exception"  # ignite logs so what then reaches the user anyway


class ErrorsInOneLine:
    """Keep an engine from logging what ends it, which reaches the user anyway. Attach it first.

    Without it ignite and MONAI's ``StatsHandler`` log each exception that passes through an engine, with a
    traceback, also where a user's mistake takes one line.
    """

    def attach(self, engine: Workflow) -> None:
        engine.logger.addFilter(_is_said_once)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.pass_on)

    def pass_on(self, engine: Workflow, error: BaseException) -> None:
        raise error


class Interruption(ErrorsInOneLine):
    """Let SIGTERM and the first Ctrl-C ask a training to end, not end it at once.

    The handler that saves the state looks at ``engine.state.end_status`` after each step. Slurm and
    Kubernetes send SIGTERM some 30 seconds before they kill. Outside the main thread, where Python allows no
    signal handler, nothing changes.
    """

    def __init__(self) -> None:
        self.earlier: dict[signal.Signals, Any] = {}

    def attach(self, engine: Workflow) -> None:
        self.state = engine.state
        self.state.end_status = None  # with which the process is to end
        engine.add_event_handler(Events.STARTED, self.begin)
        engine.add_event_handler(Events.COMPLETED, self.end)
        super().attach(engine)

    def begin(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.earlier = {number: signal.signal(number, self.notice) for number in STATUS}

    def end(self) -> None:
        for number, handler in self.earlier.items():
            signal.signal(number, handler)
        self.earlier = {}

    def notice(self, number: int, frame: FrameType | None) -> None:
        if self.state.end_status is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.state.end_status = STATUS[signal.Signals(number)]
        os.write(2, b"\nasked to end: the run saves its state after this step\n")  # a logger may be at work

    def pass_on(self, engine: Workflow, error: BaseException) -> None:
        self.end()
        super().pass_on(engine, error)


def outlive_signals(worker: int) -> None:
    """Let a loader's worker go on where all processes of a job are asked to end: the first one ends it.

    Args:
        worker: its number.
    """
    for number in STATUS:
        signal.signal(number, signal.SIG_IGN)


def _is_said_once(record: logging.LogRecord) -> bool:
    return REPEATED not in str(record.msg)
