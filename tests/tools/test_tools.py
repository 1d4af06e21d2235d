"""The front command ``python -m scripts``."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest

from scripts import bundle_root
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


def test_the_preview_s_module_command_is_the_tool(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["scripts.transforms.preview", "--help"])
    monkeypatch.delitem(sys.modules, "scripts.transforms.preview", raising=False)
    with pytest.raises(SystemExit) as status:
        runpy.run_module("scripts.transforms.preview", run_name="__main__")
    assert not status.value.code and "python -m scripts preview" in capsys.readouterr().out


def test_nothing_imports_the_tools():
    room = Path(bundle_root(), "scripts")
    modules = [path for path in room.rglob("*.py") if path.parent != room / "tools"]
    importing = [
        path for path in modules if re.search(r"^\s*(from|import) .*\btools\b", path.read_text(), re.M)
    ]
    assert len(modules) > 50 and importing == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "small"),
    [
        ("grid-benchmark", ["--shape", "360", "360", "220"]),  # at 0.7 mm: a chest, but no more
        ("lobes-benchmark", ["--shape", "64", "64", "48", "--channels", "4", "8"]),
    ],
)
def test_a_benchmark_prints_a_row_a_path(tool, small, capsys):
    with pytest.raises(SystemExit) as status:
        main([tool, "--runs", "1", *small])
    printed = capsys.readouterr().out
    assert not status.value.code and "| ours |" in printed and "| MONAI chain |" in printed
