from types import SimpleNamespace

import pytest
import torch
from monai.data import MetaTensor

from scripts.networks import MultiTaskLogits
from scripts.training import LossTermRecorder, MultiTaskLoss, ReseedEachEpoch, prepare_plain_batch


def engine(**state):
    return SimpleNamespace(state=SimpleNamespace(**state))


def test_the_recorder_averages_each_term_over_the_epoch():
    loss, label = MultiTaskLoss(), torch.tensor([0, 1, 2, 2])
    recorder, metrics, totals = LossTermRecorder(loss), {"accuracy": 1.0}, []
    recorder.reset()
    for _ in range(3):
        pred = MultiTaskLogits(torch.randn(4, 2), torch.randn(4, 2), torch.randn(4, 3))
        totals.append(loss(pred, label))
        recorder.update(engine(output={"pred": pred, "label": label, "loss": totals[-1]}))
    recorder.compute(engine(metrics=metrics))
    assert metrics["loss"] == pytest.approx(torch.stack(totals).mean().item())
    terms = [metrics[f"loss_{name}"] for name in ("detection", "pneumonia_type", "combined")]
    assert sum(terms) == pytest.approx(metrics["loss"])
    assert metrics["accuracy"] == 1.0


def test_a_single_task_network_records_its_loss_alone():
    recorder, metrics = LossTermRecorder(MultiTaskLoss()), {}
    recorder.reset()
    recorder.update(
        engine(output={"pred": torch.zeros(2, 3), "label": torch.tensor([0, 1]), "loss": torch.tensor(2.0)})
    )
    recorder.compute(engine(metrics=metrics))
    assert metrics == {"loss": 2.0}


def test_everything_random_follows_from_seed_and_epoch():
    seen = []
    dataset = SimpleNamespace(set_random_state=lambda seed: seen.append(seed))
    sampler = SimpleNamespace(set_epoch=lambda epoch: seen.append(epoch))
    draws = []
    for epoch in (1, 2, 2):
        ReseedEachEpoch(dataset, sampler, seed=7)(engine(epoch=epoch))
        draws.append(torch.rand(1).item())
    assert seen == [7, 0, 8, 1, 8, 1]
    assert draws[0] != draws[1] == draws[2]


def test_the_network_meets_plain_tensors():
    batch = {"image": MetaTensor(torch.rand(2, 1, 3, 4, 5)), "label": torch.tensor([0, 2])}
    image, label = prepare_plain_batch(batch, torch.device("cpu"))
    assert type(image) is torch.Tensor and torch.equal(image, batch["image"].as_tensor())
    assert torch.equal(label, batch["label"])
    assert prepare_plain_batch({"image": batch["image"]}, torch.device("cpu"))[1] is None
