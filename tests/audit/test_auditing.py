import json
import shutil

import pytest
from audited import mask_body, phantom_items, write_datalist

from scripts.audit import audit_datalist, auditing, gathering
from scripts.errors import UserError


@pytest.fixture(scope="module")
def clean(phantoms, tmp_path_factory):
    """The audit of the clean phantoms, and the store of its measurements."""
    store = tmp_path_factory.mktemp("audit") / "audit.sqlite"
    return audit_datalist(phantoms / "datalist.json", workers=1, store=store), store


def status(audit):
    return {finding.check: finding.status for finding in audit.findings}


def finding(audit, check):
    return next(finding for finding in audit.findings if finding.check == check)


def test_clean_phantoms_raise_no_alarm(clean):
    """One of the 16 may look cut: at voxels of 6 mm the thin edge of a lung can be lost."""
    others = {check for check, found in status(clean[0]).items() if found not in ("passed", "skipped")}
    assert others <= {"field_of_view"} and clean[0].hard_errors == []
    assert finding(clean[0], "field_of_view").numbers["cut"] <= 1


def test_a_second_audit_reads_no_scan_and_says_the_same(clean, phantoms, monkeypatch):
    audit, store = clean
    monkeypatch.setattr(gathering, "measure_scan", None)
    assert audit_datalist(phantoms / "datalist.json", workers=1, store=store) == audit


def test_planted_faults_are_found_together_and_named(clean, phantoms, tmp_path):
    items = phantom_items(phantoms)
    by_patient = {}
    for item in items:
        by_patient.setdefault(item["patient"], item)
    first, second, third, *_ = by_patient.values()
    planted = [{**item, "fold": 0} for item in by_patient.values()]
    copy = tmp_path / "copies" / "renamed.nii.gz"
    copy.parent.mkdir()
    shutil.copy(first["image"], copy)
    junk = tmp_path / "copies" / "junk.nii.gz"
    junk.write_bytes(b"no scan")
    planted += [
        {**first, "image": str(copy), "patient": "stranger", "fold": 1},
        {**second, "fold": 1},
        {**third, "label": (third["label"] + 1) % 3, "fold": 0},
        {**third, "image": str(junk), "patient": "unreadable", "fold": 2},
    ]
    shutil.copy(clean[1], tmp_path / "store.sqlite")
    datalist = write_datalist(tmp_path / "planted", planted)
    audit = audit_datalist(datalist, workers=1, store=tmp_path / "store.sqlite")
    assert audit.hard_errors == [
        "patient_overlap", "label_conflict", "identical_scans", "near_identical_scans",
    ]  # fmt: skip
    assert "renamed.nii.gz" in " ".join(finding(audit, "identical_scans").lines)
    assert [line.split(":")[0] for line in finding(audit, "readable").lines] == [str(junk)]


def test_bodies_masked_in_one_class_are_named_in_the_tables(clean, phantoms, tmp_path):
    items = phantom_items(phantoms)
    for k, item in enumerate(items):
        if item["label"] == 0:
            target = tmp_path / "masked" / f"{k}.nii.gz"
            item["image"] = str(mask_body(item["image"], phantoms / item["lobes"], target))
    shutil.copy(clean[1], tmp_path / "store.sqlite")
    datalist = write_datalist(tmp_path, items)
    audit = audit_datalist(datalist, workers=1, store=tmp_path / "store.sqlite")
    tables = finding(audit, "class_tables")
    assert tables.status == "failed" and "class: masked_body (V 1.00)" in tables.summary  # named first
    blanked, lines = sum(item["label"] == 0 for item in items), finding(audit, "intensity").lines
    assert len(lines) == blanked and all("masked away" in line for line in lines)
    assert f"{blanked} of them since their body is masked away" in finding(audit, "intensity").summary


def test_headers_alone_need_no_voxel(phantoms, monkeypatch):
    monkeypatch.setattr(gathering, "measure_scan", None)
    audit = audit_datalist(phantoms / "datalist.json", headers_only=True)
    assert status(audit)["near_identical_scans"] == "skipped" and status(audit)["class_tables"] == "passed"
    shown = finding(audit, "class_tables").numbers
    assert {"slice_spacing", "orientation"} <= shown["features"].keys() and "slices" in shown["constant"]


def test_the_json_holds_verdict_hash_and_every_check(clean, phantoms):
    content = json.loads(json.dumps(clean[0].as_json()))
    assert content["verdict"] in ("passed", "warning") and content["scans"] == 16
    assert content["datalist_sha256"] == auditing.datalist_hash(phantoms / "datalist.json")
    assert len(content["checks"]) == 10


def test_nothing_to_audit_is_said(tmp_path, phantoms):
    with pytest.raises(UserError, match="nothing to audit"):
        audit_datalist(write_datalist(tmp_path, []))
    with pytest.raises(UserError, match="workers=0"):
        audit_datalist(phantoms / "datalist.json", workers=0)


def test_the_tables_name_the_classes_of_the_datalist(phantoms, tmp_path):
    items = [item | {"source": f"hospital {item['label'] % 2}"} for item in phantom_items(phantoms)]
    names = ["none", "mild", "severe"]
    audit = audit_datalist(write_datalist(tmp_path, items, classes=names), headers_only=True)
    (table,) = [t for t in finding(audit, "class_tables").tables if t.title.startswith("source")]
    assert list(table.columns) == ["source", *names]
