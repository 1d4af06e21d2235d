"""The front command ``python -m scripts``."""

import importlib
import sys

import pytest

from scripts.__main__ import TOOLS, main


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_shows_its_help_under_the_name_it_is_called_by(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["python -m scripts"])
    with pytest.raises(SystemExit) as status:
        main([name, "--help"])
    assert not status.value.code
    assert capsys.readouterr().out.startswith("usage: ")
    assert callable(importlib.import_module(TOOLS[name][0]).main)


def test_without_a_tool_all_are_listed_and_an_unknown_one_is_an_error(capsys):
    main([])
    listed = capsys.readouterr().out
    assert all(f"  {name}" in listed for name in TOOLS)
    with pytest.raises(SystemExit) as status:
        main(["previev"])
    assert status.value.code == 2
    assert "error: no tool 'previev'" in capsys.readouterr().err
