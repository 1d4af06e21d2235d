import ast
import json
import shutil
from pathlib import Path

import pytest

from scripts.audit.__main__ import main as audit
from scripts.datalists import read_datalist
from scripts.errors import UserError
from scripts.text_files import read_json, read_text

ROOT = Path(__file__).parents[1]
TEXT = json.dumps({"training": [{"image": "胸部/ä.nii", "label": 2, "patient": "p"}]}, ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_and_without_a_byte_order_mark(tmp_path, encoding):
    (tmp_path / "datalist.json").write_text(TEXT, encoding=encoding)
    (item,) = read_datalist(tmp_path / "datalist.json")["training"]
    assert item["name"] == "胸部/ä.nii"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path, encoding):
    (tmp_path / "a.json").write_text(TEXT, encoding=encoding)
    with pytest.raises(UserError, match=r"a.json: text in UTF-16; expected UTF-8"):
        read_text(tmp_path / "a.json")


@pytest.mark.parametrize("encoding", ["gbk", "latin-1"])
def test_other_encodings_are_named(tmp_path, encoding):
    (tmp_path / "a.json").write_text("{'Müller'}" if encoding == "latin-1" else "{'胸部'}", encoding=encoding)
    with pytest.raises(UserError, match=r"a.json: not UTF-8 \(byte \d\); save it anew"):
        read_text(tmp_path / "a.json")


def test_no_text_file_is_opened_in_the_machines_own_encoding():
    """Whatever the locale: each call that reads or writes text says its encoding."""
    unsaid = []
    for file in (ROOT / "scripts").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                options = {option.arg for option in call.keywords}
                mode = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
                text = call.func.attr in ("read_text", "write_text") and not (
                    call.func.attr == "read_text" and call.args
                )
                text |= call.func.attr == "open" and ("newline" in options or mode in ("r", "w", "a"))
                if text and "encoding" not in options:
                    unsaid.append(f"{file.relative_to(ROOT)}:{call.lineno}")
    assert unsaid == []


@pytest.mark.parametrize(
    "content", [b"", b'{"a":', b"[" * 100_000, b"9" * 5000, b'{"a": 1} b', "é".encode("latin-1")]
)
def test_what_is_not_json_is_named(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(UserError, match=r"run\.json: not (JSON|UTF-8)"):
        read_json(tmp_path / "run.json")


def test_a_datalist_from_windows_is_audited(phantoms, tmp_path):
    shutil.copytree(phantoms, tmp_path / "data")
    datalist = tmp_path / "data" / "datalist.json"
    datalist.write_text(datalist.read_text(), encoding="utf-8-sig")
    audit([str(datalist), "--headers", "--workers", "1"])
    assert read_json(tmp_path / "data" / "audit.json")["datalist"] == read_json(datalist)["name"]
