"""The notebook of examples/: its cells run in their order, and it is kept without outputs."""

import ast
import json
import shutil
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "examples" / "predictor.ipynb"
CODE = [cell for cell in json.loads(PATH.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def ran(phantoms, save_model, tmp_path, monkeypatch):
    """The notebook's names and the values of its cells, of two phantoms and a file that is no scan."""
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    (tmp_path / "scans").mkdir()
    for item in json.loads((phantoms / "datalist.json").read_text())["test"][:2]:
        shutil.copy(phantoms / item["image"], tmp_path / "scans")
    (tmp_path / "scans" / "z_no_scan.nii.gz").write_bytes(b"no scan")
    monkeypatch.setenv("MODEL", str(tmp_path / "model.pt"))
    monkeypatch.setenv("SCANS", str(tmp_path / "scans"))
    monkeypatch.chdir(PATH.parent)
    monkeypatch.syspath_prepend(str(PATH.parent))  # the notebook's own addition goes when the test does
    names, values = {}, []
    for cell in CODE:
        *body, last = ast.parse("".join(cell["source"])).body
        is_value = isinstance(last, ast.Expr)
        exec(compile(ast.Module(body if is_value else [*body, last], []), str(PATH), "exec"), names)
        values.append(
            eval(compile(ast.Expression(last.value), str(PATH), "eval"), names) if is_value else None
        )
    return names, values


def test_the_notebook_answers_explains_and_lists(ran):
    names, values = ran
    assert sum(names["answer"].probabilities.values()) == pytest.approx(1) or names["answer"].reason
    table = values[-1]
    assert len(table) == 3 and list(table["prediction"] != "").count(True) == 2
    assert table["reason"].str.contains("unreadable|damaged").sum() == 1
    assert "Figure" in {type(value).__name__ for value in values} and True in values


def test_the_notebook_is_kept_without_outputs():
    assert CODE and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)
