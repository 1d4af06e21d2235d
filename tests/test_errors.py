import errno
import logging
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch

from scripts.errors import UserError, _Run, describe_mistake, keep_reports_in, show_user_errors_in_one_line


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(_Run, "folder", None)
    show_user_errors_in_one_line()
    return sys.excepthook


def wrapped(error):
    """The exception as MONAI passes it on."""
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("failed to instantiate") from inner
    except RuntimeError as outer:
        return outer


def test_a_user_s_mistake_is_one_line_without_a_traceback(hook, capsys):
    error = wrapped(UserError("scan.nii.gz: no such file"))
    hook(type(error), error, error.__traceback__)
    assert capsys.readouterr().err == "error: scan.nii.gz: no such file\n"


def test_a_mistake_in_a_process_that_loads_scans_is_one_line(hook, capsys):
    text = (
        "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
        '  File "x.py", line 1, in f\nscripts.errors.UserError: a.nii: not a scan\n\n'
        "The above exception was the direct cause of the following exception:\n\nRuntimeError: applying\n"
    )
    hook(RuntimeError, RuntimeError(text), None)
    assert capsys.readouterr().err == "error: a.nii: not a scan\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible ..."),
            "--ipc=host",
        ),
        (RuntimeError("unable to write to file </torch_7_1>: No space left on device (28)"), "--ipc=host"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "memory was full"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "--num_workers 0"),
        (BrokenProcessPool("A process in the process pool was terminated abruptly while ..."), "was killed"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "smaller batches"),
        (MemoryError(), "memory is full"),
        (PermissionError(errno.EACCES, "Permission denied", "out/a"), "out/a: permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "out"), "out: on a file system that can only be read"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk: no space left there"),
        (FileExistsError(errno.EEXIST, "File exists", "out"), "out: a file; a folder is expected there"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "a/b: not in a folder"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "a"), "a: a folder; a file is expected there"),
    ],
)
def test_what_the_system_refuses_is_one_line(hook, capsys, error, message):
    outer = RuntimeError("failed to instantiate")
    outer.__cause__ = error
    hook(type(outer), outer, None)
    said = capsys.readouterr().err
    assert message in said and said.startswith("error: ") and said.count("\n") == 1


def test_a_fault_while_a_mistake_was_handled_stays_a_fault():
    fault = KeyError("x")
    fault.__context__ = FileNotFoundError(errno.ENOENT, "No such file", "a")
    assert describe_mistake(fault) is None


def test_a_fault_of_the_program_is_kept_in_the_run_s_folder(hook, capsys, tmp_path):
    keep_reports_in(tmp_path / "run")
    error = wrapped(KeyError("x"))
    hook(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"with {tmp_path}/run/traceback.txt" in said and "report it" in said
    assert "KeyError: 'x'" in (tmp_path / "run/traceback.txt").read_text()


def test_a_fault_without_a_folder_shows_its_traceback(hook, capsys, tmp_path):
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file"):
        _Run.folder = folder
        error = wrapped(KeyError("x"))
        hook(type(error), error, error.__traceback__)
        said = capsys.readouterr().err
        assert "Traceback" in said and "report it where you have it from" in said.splitlines()[-1]


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(hook, capsys, tmp_path):
    keep_reports_in(tmp_path)
    hook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert f"stopped: {tmp_path} keeps what was finished" in capsys.readouterr().err
    (tmp_path / "last_state.pt").touch()
    hook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert "the same command with --resume True goes on" in capsys.readouterr().err


def test_a_reader_of_our_lines_that_has_enough_is_no_error(hook, capsys):
    hook(BrokenPipeError, BrokenPipeError(), None)
    assert not capsys.readouterr().err


def test_engines_do_not_log_what_ends_them(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    show_user_errors_in_one_line()
    (handler,) = logging.getLogger().handlers
    passes = [
        bool(handler.filter(logging.makeLogRecord({"msg": text})))
        for text in ("Exception: a.nii", "Engine run is terminating due to exception: a", "Epoch 1/2")
    ]
    assert passes == [False, False, True]
