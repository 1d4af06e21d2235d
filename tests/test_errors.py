import sys

import pytest

from scripts.errors import UserError, show_user_errors_in_one_line


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
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


def test_a_fault_of_the_program_keeps_its_traceback(hook, capsys):
    error = wrapped(KeyError("x"))
    hook(type(error), error, error.__traceback__)
    assert "Traceback" in capsys.readouterr().err
