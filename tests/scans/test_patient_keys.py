import hashlib
import hmac
import pickle
import random
import stat

import numpy as np
import pytest
import torch
from several_processes import in_processes

from scripts.scans import PatientKeys, forget_salt, is_salt_kept, share_salt


@pytest.fixture(autouse=True)
def _no_salt(monkeypatch):
    monkeypatch.delenv("PATIENT_SALT", raising=False)
    monkeypatch.setattr(PatientKeys, "drawn", PatientKeys.drawn)


def test_a_key_is_the_hmac_of_the_id_under_the_given_salt(monkeypatch):
    monkeypatch.setenv("PATIENT_SALT", "pepper")
    assert PatientKeys()("4711") == hmac.new(b"pepper", b"4711", hashlib.sha256).hexdigest()[:16]
    assert PatientKeys()("4711") == PatientKeys()("4711 ")  # DICOM pads with blanks


@pytest.mark.parametrize("given", [None, ""])
def test_without_a_salt_each_run_has_keys_of_its_own(given, monkeypatch):
    if given is not None:
        monkeypatch.setenv("PATIENT_SALT", given)
    key, keys = PatientKeys(), []
    for _ in range(2):
        share_salt()
        keys.append(key("4711"))
        assert keys[-1] == key("4711") != key("4712")
    assert keys[0] != keys[1]


def test_no_seed_foretells_a_salt():
    keys = []
    for _ in range(2):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        share_salt()
        keys.append(PatientKeys()("4711"))
    assert keys[0] != keys[1]


def test_a_run_that_goes_on_makes_the_keys_of_the_interrupted_one_and_a_finished_one_keeps_no_salt(tmp_path):
    key = PatientKeys()
    share_salt(tmp_path)
    first = key("4711")
    share_salt()  # another run, elsewhere
    assert key("4711") != first
    share_salt(tmp_path)
    assert key("4711") == first and is_salt_kept(tmp_path)
    (kept,) = tmp_path.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    forget_salt(tmp_path)
    assert not is_salt_kept(tmp_path) and not list(tmp_path.iterdir())
    share_salt(tmp_path)
    assert key("4711") != first


def test_a_given_salt_is_written_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("PATIENT_SALT", "pepper")
    share_salt(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_process_that_loads_scans_makes_the_keys_of_its_parent(monkeypatch):
    share_salt()
    key, packed = PatientKeys()("4711"), pickle.dumps(PatientKeys())
    monkeypatch.setattr(PatientKeys, "drawn", "another")  # as a spawned process draws
    assert pickle.loads(packed)("4711") == key


def test_all_processes_of_a_run_make_the_same_keys():
    def key():
        share_salt()
        return PatientKeys()("4711")

    first, second = in_processes(key)
    assert first == second != in_processes(key)[0]
