import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from scripts.errors import UserError
from scripts.experiments import ProbeTraining
from scripts.features import Features
from scripts.networks import EncoderProbe

NAMES = ["well", "other", "COVID-19"]


def features_of(count, shift, prefix):
    """Features whose first two channels tell the class, and whose third where the scans come from."""
    random = np.random.default_rng(len(prefix))
    labels = np.arange(count) % 3
    values = random.normal(size=(count, 12)).astype(np.float32)
    values[:, 0] += 3 * (labels == 1)
    values[:, 1] += 3 * (labels == 2)
    values[:, 2] += shift
    texts = {key: tuple(f"{prefix}{k}" for k in range(count)) for key in ("name", "patient", "content_hash")}
    blank = ("",) * count
    return Features(values, labels, source=blank, flags=blank, refusal=blank, encoder="e", **texts)


class Recorded:
    """Stands for the model file of a run, and keeps what is written into it."""

    tell_scans = True

    def write(self, ckpt_path, trained_on, **fitted):
        self.trained_on, self.fitted = trained_on, fitted


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train a probe on features that need no encoder; return what its model file says, and the network."""
    known = {"source": features_of(60, 0.0, "source"), "target": features_of(30, 9.0, "there")}
    monkeypatch.setattr(ProbeTraining, "_embedded", lambda self, items, device: known[items[0]["set"]])
    items = {"there": [{"set": "target", "label": 0}]}
    monkeypatch.setattr("scripts.experiments.probe_training.items_to_encode", lambda scans: items[scans])

    def run(**options):
        encoder = nn.Module()
        encoder.encoder, encoder.sha256 = SimpleNamespace(name="small"), "0" * 64
        encoder.precision = "float32"
        network, recorded = EncoderProbe(encoder, 12, 3), Recorded()
        training = ProbeTraining(
            network, recorded, tmp_path, NAMES, None, tmp_path, folds=3, strengths=[1e-2], **options
        )
        training.run([{"set": "source"}], torch.device("cpu"))
        return recorded, network, known

    return run


def test_an_adapted_probe_calls_the_stated_share_ill_once_it_is_calibrated(train, tmp_path):
    recorded, network, known = train(adapt_to="there", adaptation="2 directions", ill=0.3)
    calibration, adapted = recorded.fitted["calibration"], recorded.fitted["adapted_to"]
    with torch.no_grad():
        logits = network.classify(torch.from_numpy(known["target"].values)).numpy()
    ill = 1 - softmax(logits / calibration.temperature, axis=1)[:, 0]
    assert ill.mean() == pytest.approx(0.3, abs=1e-4)
    assert recorded.fitted["training_prior"] == calibration.training_prior == pytest.approx([0.7, 0.15, 0.15])
    assert (adapted.method, adapted.ill, adapted.count) == ("2 directions", 0.3, 30)
    assert adapted.scans == sorted(known["target"].content_hash)
    assert sorted(recorded.trained_on) == sorted(known["source"].content_hash)
    assert {limit["value"] for limit in calibration.thresholds.values()} == {None}
    told = json.loads((tmp_path / "probe.json").read_text())["adapted_to"]
    assert told == {"method": "2 directions", "ill": 0.3, "scans": 30}


def test_without_scans_to_adapt_to_a_probe_is_as_it_was_fitted(train, tmp_path):
    recorded, _, _ = train()
    assert "adapted_to" not in recorded.fitted
    assert all(limit["value"] is not None for limit in recorded.fitted["calibration"].thresholds.values())
    assert "adapted_to" not in json.loads((tmp_path / "probe.json").read_text())


def test_scans_from_elsewhere_are_unlike_the_training_scans_until_the_probe_is_adapted_to_them(train):
    def unlike(recorded, network, known):
        values = torch.from_numpy(known["target"].values)
        seen = ((values - network.mean) / network.scale).double().numpy()  # what the last layer is given
        return (recorded.fitted["training_distance"].distances(seen) > 1).mean()

    assert unlike(*train()) > 0.5
    assert unlike(*train(adapt_to="there", adaptation="recentre")) < 0.2


def test_the_hashes_of_the_scans_stay_untold_where_those_of_training_do(train, monkeypatch):
    monkeypatch.setattr(Recorded, "tell_scans", False)
    adapted = train(adapt_to="there", adaptation="coral")[0].fitted["adapted_to"]
    assert adapted.scans == [] and adapted.count == 30 and adapted.ill is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adapt_to": "there", "adaptation": "3 directions"}, "adaptation='3 directions'; expected one of"),
        ({"adapt_to": "there"}, "adaptation=None; expected one of"),
        ({"adapt_to": "there", "adaptation": "coral", "ill": 1.2}, r"ill=1\.2 is not a share"),
        ({"adaptation": "coral"}, "name them, --adapt_to"),
        ({"ill": 0.3}, "name them, --adapt_to"),
    ],
)
def test_an_adaptation_that_is_none_is_refused_before_a_scan_is_encoded(options, message, train, monkeypatch):
    monkeypatch.setattr(ProbeTraining, "_embedded", lambda *_: pytest.fail("a scan was encoded"))
    with pytest.raises(UserError, match=message):
        train(**options)
