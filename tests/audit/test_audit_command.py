import json
import sys

import pytest
from audited import phantom_items, write_datalist

from scripts.audit.__main__ import main


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back


def test_a_line_a_check_and_a_report_beside_the_datalist(phantoms, tmp_path, capsys):
    datalist = write_datalist(tmp_path, phantom_items(phantoms)[:6])
    main([str(datalist), "--headers"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and lines[0].startswith("passed   patient_overlap: ")
    assert lines[-1] == f"passed: {tmp_path / 'audit.html'}"
    assert json.loads((tmp_path / "audit.json").read_text())["verdict"] == "passed"


def test_a_hard_error_sets_the_exit_status(phantoms, tmp_path, capsys):
    items = phantom_items(phantoms)[:6]
    items.append({**items[0], "fold": 77})
    with pytest.raises(SystemExit) as status:
        main([str(write_datalist(tmp_path, items)), "--headers", "--output", f"{tmp_path}/a.html"])
    assert status.value.code == 1 and "failed   patient_overlap" in capsys.readouterr().out
    assert (tmp_path / "a.json").is_file()


def test_many_rows_are_no_trouble(tmp_path, capsys):
    """Ten thousand rows in docs/audit.md; here five hundred, whose files are gone."""
    rows = [
        {"image": f"{k}.nii.gz", "label": k % 3, "patient": f"p{k}", "age": 40.0 + k % 29} for k in range(500)
    ]
    main([str(write_datalist(tmp_path, rows)), "--headers"])
    assert "passed   patient_overlap: 500 patients" in capsys.readouterr().out
