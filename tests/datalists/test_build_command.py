import sys

import pytest

from scripts.datalists.__main__ import main


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back


def test_the_command_tells_what_is_in_the_lists_and_what_is_not(grow, tmp_path, capsys):
    root = grow(
        *(f"studies/CT-{k % 2}/study_{k}.nii.gz" for k in range(40)), *(f"studies/{k}.txt" for k in range(7))
    )
    output = tmp_path / "datalist.json"
    arguments = [
        "--output",
        str(output),
        "--folds",
        "2",
        "--test",
        "0.25",
        "--validation",
        "0",
        "--seed",
        "1",
    ]
    main(["build", "mosmed", str(root), *arguments])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training: 30 scans of 30 patients (15 non-pneumonia, 0 other pneumonia, 15 COVID-19)"
    assert lines[2] == "test: 10 scans of 10 patients (5 non-pneumonia, 0 other pneumonia, 5 COVID-19)"
    assert lines[3] == (
        "left out: 7 not in a folder CT-0 .. CT-4: studies/0.txt, studies/1.txt, studies/2.txt, "
        "studies/3.txt, studies/4.txt, ..."
    )
    assert lines[-1] == str(output) and output.is_file()


def test_help_lists_every_layout(capsys):
    with pytest.raises(SystemExit):
        main(["build", "--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in ("cc_ccii", "table", "dicom_tree", "stoic2021"))
