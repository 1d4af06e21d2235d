import json
import logging

import pytest
from audited import write_datalist

from scripts.audit import HARD_ERRORS, Audit, Finding, enforce_audit, write_report
from scripts.audit.auditing import datalist_hash
from scripts.datalists import fold_items
from scripts.errors import UserError


@pytest.fixture
def training():
    return [{"image": f"{k}.nii.gz", "label": k % 3, "patient": f"p{k}", "fold": k % 2} for k in range(6)]


def audited(datalist, *findings):
    """Lay an audit of a datalist beside it."""
    audit = Audit("planted", datalist_hash(datalist), 6, False, findings)
    write_report(audit, datalist.with_name("audit.html"))


def test_without_an_audit_the_run_goes_on_and_says_so(training, tmp_path, caplog):
    verdict = enforce_audit(write_datalist(tmp_path, training))
    assert verdict["verdict"] == "passed" and not verdict["audited"]
    assert "NO AUDIT of this datalist" in caplog.text and "python -m scripts audit" in caplog.text


@pytest.mark.parametrize("check", HARD_ERRORS)
def test_a_hard_error_of_the_audit_stops_the_run_unless_named(check, training, tmp_path, caplog):
    datalist = write_datalist(tmp_path, training)
    audited(datalist, Finding(check, "failed", "found it", hard=True, lines=["a = b"]))
    with pytest.raises(UserError, match=f"{check}: found it .a = b.*--audit_override"):
        enforce_audit(datalist)
    others = [name for name in HARD_ERRORS if name != check]
    with pytest.raises(UserError, match=check):
        enforce_audit(datalist, others)
    verdict = enforce_audit(datalist, check)
    assert verdict["overridden"] == verdict["hard_errors"] == [check] and verdict["verdict"] == "failed"
    assert f"AUDIT FAILED: {check}: found it" in caplog.text


def test_a_shortcut_warns_loudly_and_does_not_stop(training, tmp_path, caplog):
    datalist = write_datalist(tmp_path, training)
    audited(datalist, Finding("shortcut_probe", "failed", "SHORTCUT"), Finding("slices", "passed", "fine"))
    with caplog.at_level(logging.WARNING):
        verdict = enforce_audit(datalist)
    assert verdict["verdict"] == "failed" and verdict["checks"]["shortcut_probe"] == "failed"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.records[0].message == "AUDIT FAILED: shortcut_probe: SHORTCUT"


def test_an_audit_of_the_datalist_before_it_changed_is_not_believed(training, tmp_path, caplog):
    datalist = write_datalist(tmp_path, training)
    audited(datalist, Finding("label_conflict", "failed", "found it", hard=True))
    write_datalist(tmp_path, training[:5])
    assert not enforce_audit(datalist)["audited"]
    assert "is of another datalist" in caplog.text


def test_patients_on_both_sides_stop_a_run_without_any_audit(training, tmp_path):
    training[1]["patient"] = "p0"
    selecting = [{"image": f"v{k}.nii.gz", "label": k, "patient": f"v{k}"} for k in range(3)]
    datalist = write_datalist(tmp_path, training, validation=selecting)
    with pytest.raises(UserError, match="--audit_override patient_overlap"):
        fold_items(datalist, 0)
    with pytest.raises(UserError, match=r"patient_overlap: 1 of 8 patients.*label_conflict: 1"):
        enforce_audit(datalist, [])
    verdict = enforce_audit(datalist, ["patient_overlap", "label_conflict"])
    assert verdict["overridden"] == ["patient_overlap", "label_conflict"]
    assert len(fold_items(datalist, 0, ["patient_overlap"])["report"]) == 3


def test_a_wrong_override_and_a_damaged_audit_are_named(training, tmp_path):
    datalist = write_datalist(tmp_path, training)
    with pytest.raises(UserError, match="--audit_override everything: it names one of patient_overlap"):
        enforce_audit(datalist, "everything")
    (tmp_path / "audit.json").write_text(json.dumps({"checks": []}))
    with pytest.raises(UserError, match="not an audit"):
        enforce_audit(datalist)
