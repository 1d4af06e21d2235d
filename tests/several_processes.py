"""Real processes that gloo joins on this machine, forked so that none imports anything anew."""

import multiprocessing
import os
import pickle
import signal
import socket
import traceback
import warnings

import torch._dynamo  # noqa: F401 - DistributedDataParallel does; once here, not in each process

from scripts.processes import join_processes


def in_processes(work, count=2):
    """Run `work()` in `count` joined processes; return what each returned, by rank."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("fork")
    pipes, processes = [], []
    for rank in range(count):
        receiver, sender = context.Pipe(duplex=False)
        processes.append(context.Process(target=_join_and_work, args=(work, rank, count, port, sender)))
        pipes.append(receiver)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            processes[-1].start()
        sender.close()
    try:
        return [_received(pipe) for pipe in pipes]
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _join_and_work(work, rank, count, port, sender):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    try:
        join_processes()
        result = (work(), None)
    except BaseException as error:
        result = (error, traceback.format_exc())
    sender.send_bytes(pickle.dumps(result))  # not `send`, which would share tensors' memory
    signal.pause()  # others may still read from this one; it ends when all have answered


def _received(pipe):
    assert pipe.poll(120), "a process waits for another"
    value, trace = pickle.loads(pipe.recv_bytes())
    if trace is not None:
        raise AssertionError(trace) from value
    return value
