import math
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import SupervisedEvaluator, SupervisedTrainer

from scripts.errors import UserError
from scripts.networks import MultiTaskLogits
from scripts.training import FiniteSteps, LossTermRecorder, MultiTaskLoss, SeedEachStep, prepare_plain_batch


def engine(**state):
    return SimpleNamespace(state=SimpleNamespace(**{"epoch": 1, "iteration": 0, "epoch_length": 3} | state))


def recorded(outputs, metrics):
    """Let a recorder see the outputs of an epoch's steps; return the metrics that it adds to others."""
    recorder = LossTermRecorder(MultiTaskLoss())
    run = engine(loss_sums={}, metrics=metrics, epoch_length=len(outputs))
    recorder.reset(run)
    for output in outputs:
        run.state.iteration, run.state.output = run.state.iteration + 1, output
        recorder.update(run)
    recorder.compute(run)
    return metrics


def test_the_recorder_averages_each_term_over_the_epoch():
    loss, label = MultiTaskLoss(), torch.tensor([0, 1, 2, 2])
    preds = [MultiTaskLogits(torch.randn(4, 2), torch.randn(4, 2), torch.randn(4, 3)) for _ in range(3)]
    totals = [loss(pred, label) for pred in preds]
    outputs = [
        {"pred": pred, "label": label, "loss": total} for pred, total in zip(preds, totals, strict=True)
    ]
    metrics = recorded(outputs, {"accuracy": 1.0})
    assert metrics["loss"] == pytest.approx(torch.stack(totals).mean().item())
    terms = [metrics[f"loss_{name}"] for name in ("detection", "pneumonia_type", "combined")]
    assert sum(terms) == pytest.approx(metrics["loss"])
    assert metrics["accuracy"] == 1.0


def test_a_single_task_network_records_its_loss_alone():
    output = {"pred": torch.zeros(2, 3), "label": torch.tensor([0, 1]), "loss": torch.tensor(2.0)}
    assert recorded([output], {}) == {"loss": 2.0}


def test_the_recorder_forgets_an_epoch_at_the_next_but_keeps_the_part_that_was_before_an_interruption():
    recorder = LossTermRecorder(MultiTaskLoss())
    for iteration, kept in ((3, {}), (4, {"loss": torch.tensor(1.0)})):
        run = engine(epoch=2, iteration=iteration, loss_sums={"loss": torch.tensor(1.0)})
        recorder.reset(run)
        assert run.state.loss_sums == kept


def test_everything_random_follows_from_seed_and_step():
    seen = []
    sampler = SimpleNamespace(set_epoch=lambda epoch, first: seen.append((epoch, first)))
    draws = []
    for epoch, iteration in ((1, 0), (2, 3), (2, 3), (2, 4)):
        seeding, run = SeedEachStep(sampler, seed=7), engine(epoch=epoch, iteration=iteration)
        seeding.start_epoch(run)
        seeding.start_step(run)
        draws.append(torch.rand(1).item())
    assert seen == [(0, 0), (1, 0), (1, 0), (1, 1)]
    assert draws[1] == draws[2] and len(set(draws)) == 3


class OneWeight(torch.nn.Module):
    """A network whose weight times an image is its prediction."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0]))

    def forward(self, image):
        return image * self.weight


def trained(images, validation=1.0, epochs=1, loss=torch.sum):
    """Train one weight by images of one number each; return the engine, the weight and what it has seen."""

    def loader(values):
        return [{"image": torch.tensor([[value]]), "label": torch.tensor([[0.0]])} for value in values]

    network = OneWeight()
    evaluator = SupervisedEvaluator("cpu", loader([validation]), network, decollate=False)
    trainer = SupervisedTrainer(
        "cpu", epochs, loader(images), network, torch.optim.SGD(network.parameters(), lr=0.5),
        lambda pred, label: loss(pred), decollate=False, train_handlers=[FiniteSteps(evaluator)],
    )  # fmt: skip
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run(trainer.state.epoch))
    return trainer, network.weight


def test_a_gradient_that_is_not_finite_takes_no_step_and_is_counted(caplog):
    """The loss is finite, its gradient at zero is not."""
    trainer, weight = trained([1.0, 0.0, 0.0, 1.0], loss=lambda pred: pred.abs().sqrt().sum())
    trainer.run()
    expected = 1.0
    for _ in range(2):
        expected -= 0.5 * 0.5 / math.sqrt(expected)
    assert weight.item() == pytest.approx(expected)
    assert trainer.state.metrics["nonfinite_gradients"] == 2
    assert "epoch 1: 2 of 4 steps were left out" in caplog.text


def test_huge_gradients_that_are_finite_are_steps():
    trainer, weight = trained([1e25])
    trainer.run()
    assert trainer.state.metrics["nonfinite_gradients"] == 0 and weight.item() == pytest.approx(-5e24)


@pytest.mark.parametrize(
    ("images", "validation", "text"),
    [
        ([1.0, math.inf], 1.0, "the loss is inf in epoch 1, iteration 2, at a learning rate of 0.5"),
        ([1.0, math.nan], 1.0, "the loss is nan in epoch 1, iteration 2"),
        ([1.0, 1.0], math.inf, "output in validation is not finite in epoch 1, iteration 2"),
    ],
)
def test_a_training_that_explodes_ends_with_its_place(images, validation, text):
    trainer, weight = trained(images, validation)
    with pytest.raises(UserError, match=text):
        trainer.run()
    assert weight.isfinite().all()


def test_an_epoch_without_a_single_step_ends_the_training():
    trainer, weight = trained([0.0, 0.0], epochs=3, loss=lambda pred: pred.abs().sqrt().sum())
    with pytest.raises(UserError, match="no gradient of the epoch is finite in epoch 1"):
        trainer.run()
    assert weight.item() == 1.0


def test_the_network_meets_plain_tensors():
    batch = {"image": MetaTensor(torch.rand(2, 1, 3, 4, 5)), "label": torch.tensor([0, 2])}
    image, label = prepare_plain_batch(batch, torch.device("cpu"))
    assert type(image) is torch.Tensor and torch.equal(image, batch["image"].as_tensor())
    assert torch.equal(label, batch["label"])
    assert prepare_plain_batch({"image": batch["image"]}, torch.device("cpu"))[1] is None
