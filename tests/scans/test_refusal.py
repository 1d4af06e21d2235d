import pickle

from scripts.errors import UserError
from scripts.scans import RefusedScan


def test_a_refusal_survives_the_way_from_a_worker_process():
    refusal = pickle.loads(pickle.dumps(RefusedScan("no_lungs", "a/b.nii.gz", "no lungs found")))
    assert isinstance(refusal, UserError)
    assert (refusal.code, refusal.name, refusal.reason) == ("no_lungs", "a/b.nii.gz", "no lungs found")
    assert str(refusal) == "a/b.nii.gz: no lungs found"
