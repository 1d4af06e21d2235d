"""`make clients`: a line a client, whatever becomes of the others."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKES = f"""
include {ROOT}/clients.mk
client-first:
	@echo noise; echo did this
client-broken:
	@echo of no use; exit 3
client-last:
	@echo did that
"""


def clients(folder, names):
    (folder / "Makefile").write_text(FAKES)
    command = ["make", "--no-print-directory", "clients", f"CLIENTS={names}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_a_client_that_fails_stops_no_other_and_names_its_log(tmp_path):
    ran = clients(tmp_path, "first broken last")
    assert ran.stdout.splitlines()[:3] == [
        "first: did this",
        "broken: FAILED, see results/clients/broken.log",
        "last: did that",
    ]
    assert ran.returncode != 0
    assert "of no use" in (tmp_path / "results" / "clients" / "broken.log").read_text()


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_without_a_failure_the_exit_status_is_0(tmp_path):
    assert clients(tmp_path, "first last").returncode == 0


def test_every_client_has_a_target():
    names = next(
        line.partition(":= ")[2].split()
        for line in (ROOT / "clients.mk").read_text().splitlines()
        if line.startswith("CLIENTS :=")
    )
    targets = [line.partition(":")[0] for line in (ROOT / "clients.mk").read_text().splitlines()]
    assert names and all(f"client-{name}" in targets for name in names)
