import hashlib
import hmac

import pytest
from several_processes import in_processes

from scripts.scans import PatientKeys, share_patient_salt


def test_a_key_is_the_hmac_of_the_id_under_the_given_salt(monkeypatch):
    monkeypatch.setenv("PATIENT_SALT", "pepper")
    assert PatientKeys()("4711") == hmac.new(b"pepper", b"4711", hashlib.sha256).hexdigest()[:16]
    assert PatientKeys()("4711") == PatientKeys()("4711 ")  # DICOM pads with blanks


@pytest.mark.parametrize("given", [None, ""])
def test_without_a_salt_each_run_has_keys_of_its_own(given, monkeypatch):
    monkeypatch.delenv("PATIENT_SALT", raising=False) if given is None else monkeypatch.setenv(
        "PATIENT_SALT", given
    )
    first, second = PatientKeys(), PatientKeys()
    assert first("4711") != second("4711") and first("4711") == first("4711") != first("4712")


def test_all_processes_of_a_run_make_the_same_keys(monkeypatch):
    monkeypatch.delenv("PATIENT_SALT", raising=False)

    def key():
        share_patient_salt()
        return PatientKeys()("4711")

    first, second = in_processes(key)
    assert first == second != in_processes(key)[0]
