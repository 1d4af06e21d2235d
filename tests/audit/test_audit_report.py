import json
import re

from scripts.audit import Audit, Finding, one_line, write_report
from scripts.audit.findings import MOST_LINES, Table

FINDINGS = (
    Finding("slices", "skipped", "not looked at"),
    Finding("readable", "passed", "all read"),
    Finding("class_tables", "warning", "one", tables=[Table("T", ("a", "b"), [("1", "x < y")])]),
    Finding("intensity", "failed", "no HU"),
    Finding("patient_overlap", "failed", "<b>2</b> patients", True, [f"p{k}" for k in range(MOST_LINES + 5)]),
)


def test_the_page_and_its_json_tell_the_same(tmp_path):
    write_report(Audit("a & b", "f" * 64, 7, False, FINDINGS), tmp_path / "new" / "page.html")
    page = (tmp_path / "new/page.html").read_text()
    content = json.loads((tmp_path / "new/page.json").read_text())
    assert content["verdict"] == "failed" and content["hard_errors"] == ["patient_overlap"]
    assert [check["status"] for check in content["checks"]] == [f.status for f in FINDINGS]
    assert "&lt;b&gt;2&lt;/b&gt; patients" in page and "x &lt; y" in page and "a &amp; b" in page
    assert "training stops at patient_overlap" in page and "and 180 more" in page
    assert content["checks"][-1]["lines"][-1] == "... and 5 more"


def test_the_page_tells_the_worst_first(tmp_path):
    write_report(Audit("a", "f" * 64, 7, False, FINDINGS), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    places = [
        page.index(f"<td>{word}") for word in ("failed, stops training", "failed<", "warning", "passed")
    ]
    assert places == sorted(places) and page.index("warning", places[2]) < page.index("skipped")
    assert re.findall("<h2 id=.*?>(.*?)</h2>", page) == [
        "Summary",
        "Patients on both sides of a split",
        "Class against what shows no lesion",
    ]  # what the summary's line says in full has no section


def test_a_check_is_one_line():
    assert one_line(FINDINGS[0]) == "skipped  slices: not looked at"
