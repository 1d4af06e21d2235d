import csv

import pytest
import torch
from ignite.engine import Engine, Events

from scripts.training import EpochHistory


def run(path, epochs, start=0, val_interval=1, losses=("loss", "loss_pneumonia_type"), history=()):
    """Run an engine whose losses and accuracy are the epoch's number, halved for the accuracy."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    evaluator, trainer = Engine(lambda *_: None), Engine(lambda *_: None)

    @trainer.on(Events.STARTED)
    def resume(engine):
        engine.state.epoch = start
        engine.state.history = list(history)

    @trainer.on(Events.EPOCH_COMPLETED)
    def fill(engine):
        epoch = engine.state.epoch
        engine.state.metrics = dict.fromkeys(losses, float(epoch))
        if epoch % val_interval == 0:
            evaluator.state.epoch, evaluator.state.metrics = epoch, {"accuracy": epoch / 2}

    EpochHistory(path, evaluator, optimizer).attach(trainer)
    trainer.run([0], max_epochs=epochs)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return rows, trainer.state.history


def test_one_row_an_epoch_with_empty_cells_where_there_is_nothing(tmp_path):
    (first, second), _ = run(tmp_path / "history.csv", epochs=2, val_interval=2)
    assert first == {
        "epoch": "1", "loss": "1.0", "detection_loss": "", "type_loss": "1.0", "combined_loss": "",
        "nonfinite_gradients": "", "validation_accuracy": "", "validation_log_likelihood": "",
        "learning_rate": "0.1",
    }  # fmt: skip
    assert second["validation_accuracy"] == "1.0"


@pytest.mark.parametrize("resumed_after", [1, 2])
def test_a_resumed_run_goes_on_with_the_rows_and_repeats_no_epoch(resumed_after, tmp_path):
    whole, _ = run(tmp_path / "whole.csv", epochs=4)
    _, history = run(tmp_path / "history.csv", epochs=2)
    rows, _ = run(tmp_path / "history.csv", epochs=4, start=resumed_after, history=history[:resumed_after])
    assert rows == whole and [row["epoch"] for row in rows] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("damage", [None, b"", b"\x00\xff\xfe", b"epoch,loss\nno number,\n"])
def test_a_file_that_is_damaged_or_gone_is_written_again_from_the_state(damage, tmp_path):
    path = tmp_path / "history.csv"
    _, history = run(path, epochs=2)
    whole = path.read_bytes()
    path.unlink() if damage is None else path.write_bytes(damage)
    run(path, epochs=2, start=2, history=history)
    assert path.read_bytes() == whole


def test_a_new_run_does_not_keep_the_rows_of_another(tmp_path):
    run(tmp_path / "history.csv", epochs=3)
    assert len(run(tmp_path / "history.csv", epochs=1)[0]) == 1
