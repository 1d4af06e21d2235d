import pickle
import re
from pathlib import Path

import pytest

from scripts.errors import UserError
from scripts.scans import CODES, FLAGS, RefusedScan

ROOT = Path(__file__).parents[2]


def test_a_refusal_survives_the_way_from_a_worker_process():
    refusal = pickle.loads(pickle.dumps(RefusedScan("no_lungs", "a/b.nii.gz", "no lungs found")))
    assert isinstance(refusal, UserError)
    assert (refusal.code, refusal.name, refusal.reason) == ("no_lungs", "a/b.nii.gz", "no lungs found")
    assert str(refusal) == "a/b.nii.gz: no lungs found"


def test_an_unknown_code_is_a_programming_error():
    with pytest.raises(ValueError, match="made_up"):
        RefusedScan("made_up", "a", "b")


def test_every_code_has_a_row_in_the_documentation_and_a_place_in_the_code():
    page = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    tables = page[page.index("### Refused") : page.index("### Privacy")]
    documented = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", tables, re.MULTILINE)
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "scripts").rglob("*.py"))
    assert dict(documented) == {**CODES, **FLAGS}
    used = source.replace((ROOT / "scripts/scans/refusal.py").read_text(), "")
    assert {code for code in CODES if f'"{code}"' not in used} == set()
    assert {flag for flag in FLAGS if used.count(flag) < 2} == set()  # once where it is explained
