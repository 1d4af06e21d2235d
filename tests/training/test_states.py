"""What a run goes on from: two verified generations, the best weights, and what it was begun with."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from ignite.metrics import Average
from monai.bundle import ConfigParser
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import LrScheduleHandler, ValidationHandler

from scripts import bundle_root
from scripts.checkpoints import read_configs
from scripts.errors import UserError
from scripts.training import (
    TRY_AGAIN,
    BestAndLast,
    ErrorsInOneLine,
    Interruption,
    LossTermRecorder,
    MultiTaskLoss,
    RunStates,
    SeedEachStep,
    ShuffledBatches,
)

STEPS = 4  # of an epoch
SCHEDULES = {
    "step": lambda optimizer, steps: torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5),
    "cosine": lambda optimizer, steps: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps),
}


class Loader:
    """The batches of a sampler: of each scan's index and seed the network makes noise."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __len__(self):
        return len(self.sampler)

    def __iter__(self):
        for batch in self.sampler:
            image = torch.tensor([[float(index), index.seed / 2**32] for index in batch])
            yield {"image": image, "label": torch.tensor([index % 3 for index in batch])}


def build(folder, epochs=3, resume=False, best=(0.1, 0.3, 0.2, 0.4), schedule="step", stop=None, handlers=()):
    """Return a trainer with dropout whose validation metric is as told; `stop`: engine, event, count."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    scheduler = SCHEDULES[schedule](optimizer, epochs * STEPS)
    sampler = ShuffledBatches([{"label": index % 3} for index in range(8)], batch_size=2, seed=0)
    evaluator = SupervisedEvaluator(
        "cpu", [{"image": torch.zeros(1, 2), "label": torch.zeros(1, dtype=torch.long)}] * 2, network,
        key_val_metric={"told": Average(lambda output: best[evaluator.state.epoch - 1])},
        val_handlers=[ErrorsInOneLine()], decollate=False,
    )  # fmt: skip
    trainer = SupervisedTrainer(
        "cpu", epochs, Loader(sampler), network, optimizer, MultiTaskLoss(), decollate=False,
        train_handlers=[
            Interruption(),
            SeedEachStep(sampler, 0),
            LossTermRecorder(MultiTaskLoss()),
            LrScheduleHandler(scheduler, print_lr=False, epoch_level=False),
            ValidationHandler(1, evaluator),
            *handlers,
            BestAndLast(RunStates(folder, resume), network, optimizer, scheduler, evaluator),
        ],
    )  # fmt: skip
    if stop:
        which, event, count = stop
        engine = {"trainer": trainer, "evaluator": evaluator}[which]
        engine.add_event_handler(event(once=count), lambda: os.kill(os.getpid(), signal.SIGTERM))
    return trainer


def same(one, other):
    return all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in ("model.pt", "last_state.pt")
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run of three epochs, the second of which is the best."""
    folder = tmp_path_factory.mktemp("whole")
    build(folder).run()
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "flipped":  # within the numbers, where torch.load sees nothing
        place = content.index(b"data/0") + 200
        content[place : place + 64] = bytes(255 - value for value in content[place : place + 64])
    path.unlink() if how == "gone" else path.write_bytes(
        {"cut": content[:1000], "empty": b"", "text": b"<html>", "flipped": bytes(content)}[how]
    )


def test_equal_runs_make_equal_files(whole, tmp_path):
    build(tmp_path).run()
    assert same(whole, tmp_path)


@pytest.mark.parametrize(
    "stop",
    [
        ("trainer", Events.ITERATION_COMPLETED, 1),
        ("trainer", Events.ITERATION_COMPLETED, 6),
        ("trainer", Events.GET_BATCH_STARTED, 10),
        ("trainer", Events.EPOCH_COMPLETED, 1),
        ("trainer", Events.ITERATION_COMPLETED, 8),  # the last of an epoch: its validation is missing
        ("evaluator", Events.ITERATION_COMPLETED, 1),
    ],
    ids=["first step", "in an epoch", "loading", "between epochs", "before validation", "validation"],
)
def test_a_run_that_sigterm_ended_goes_on_to_the_bytes_of_an_uninterrupted_one(stop, whole, tmp_path, capfd):
    earlier = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        build(tmp_path, stop=stop).run()
    assert end.value.code == TRY_AGAIN == 75
    assert signal.getsignal(signal.SIGTERM) is earlier
    assert "go on by --resume True" in capfd.readouterr().out
    build(tmp_path, resume="auto").run()
    assert same(whole, tmp_path)


def test_a_host_s_other_threads_train_without_signal_handlers(whole, tmp_path):
    thread = threading.Thread(target=build(tmp_path).run)
    thread.start()
    thread.join()
    assert same(whole, tmp_path)


@pytest.mark.parametrize("how", ["cut", "empty", "text", "flipped", "gone"])
def test_a_damaged_state_is_told_and_the_one_before_is_taken(how, whole, copy, caplog):
    damage(copy / "last_state.pt", how)
    build(copy, resume=True).run()
    assert same(whole, copy)
    told = "going on from previous_state.pt, epoch 2" in caplog.text
    assert told == (how != "gone") and (how == "gone" or "last_state.pt: " in caplog.text)


def test_a_damaged_state_does_not_replace_the_one_before(copy):
    damage(copy / "last_state.pt", "flipped")
    build(copy, resume=True, epochs=4).run()
    damage(copy / "last_state.pt", "cut")
    build(copy, resume=True, epochs=4).run()
    assert torch.load(copy / "last_state.pt")["progress"]["epoch"] == 4


def test_two_damaged_states_end_in_one_line_also_where_a_run_might_begin(copy):
    for name in ("last_state.pt", "previous_state.pt"):
        damage(copy / name, "cut")
    for resume in (True, "auto"):
        with pytest.raises(UserError, match=r"last_state.pt: .*previous_state.pt: .*no state to go on from"):
            build(copy, resume=resume).run()


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "gone"])
def test_a_damaged_or_missing_model_is_written_again_with_the_same_bytes(how, whole, copy, caplog):
    damage(copy / "model.pt", how)
    build(copy, resume=True).run()  # there is nothing left to train
    assert same(whole, copy) and "model.pt: " in caplog.text


def test_a_model_of_a_later_epoch_than_the_state_is_made_again(whole, copy):
    """The process was killed between the two files, or the last state was damaged."""
    (copy / "previous_state.pt").replace(copy / "last_state.pt")
    (copy / "model.pt").write_bytes(b"of a later epoch")
    build(copy, resume=True).run()
    assert same(whole, copy)


def test_the_state_comes_before_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(BestAndLast, "_write_weights", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(tmp_path, epochs=1).run()
    monkeypatch.undo()
    build(tmp_path, epochs=1, resume=True).run()
    assert (tmp_path / "model.pt").is_file()


def test_auto_begins_and_a_begun_run_is_neither_overwritten_nor_taken_for_granted(whole, tmp_path):
    build(tmp_path, resume="auto").run()
    assert same(whole, tmp_path)
    with pytest.raises(UserError, match="an earlier run is there"):
        build(tmp_path).run()
    with pytest.raises(UserError, match="no earlier run to resume"):
        build(tmp_path / "elsewhere", resume=True).run()
    with pytest.raises(UserError, match="--resume yes: True, False or auto"):
        build(tmp_path, resume="yes").run()


@pytest.mark.parametrize("resume", [False, "auto"])
def test_a_model_without_a_state_is_not_overwritten(resume, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"somebody's")
    with pytest.raises(UserError, match="a model is there, without the state of a run"):
        build(tmp_path, resume=resume).run()
    assert (tmp_path / "model.pt").read_bytes() == b"somebody's"


def test_what_a_killed_process_was_about_to_write_is_swept(copy):
    (copy / "next_state.pt").write_bytes(b"half")
    build(copy, resume=True).run()
    assert not (copy / "next_state.pt").exists()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_more_epochs_follow_the_schedule_of_a_run_of_that_length(schedule, tmp_path, caplog):
    rates = []
    for folder, runs in {"long": [4], "extended": [2, 4]}.items():
        for epochs in runs:
            trainer = build(tmp_path / folder, epochs, resume="auto", schedule=schedule)
            rates.append([])
            trainer.add_event_handler(
                Events.ITERATION_STARTED,
                lambda engine: rates[-1].append(engine.optimizer.param_groups[0]["lr"]),
            )
            trainer.run()
    assert rates[2] == pytest.approx(rates[0][2 * STEPS :], rel=1e-12)
    assert "--max_epochs: 2 then, 4 now" in caplog.text


@pytest.mark.parametrize(
    ("told", "kept"), [((0.1, 0.3, 0.2), 2), ((0.3, 0.1, 0.2), 1), ((0.1, 0.2, 0.3), 3), ((0.1, 0.3, 0.3), 2)]
)
def test_the_model_is_that_of_the_best_epoch_and_of_equals_the_first(told, kept, tmp_path):
    """Oracle: the weights of runs that end after each epoch."""
    build(tmp_path / "run", best=told).run()
    model = torch.load(tmp_path / "run" / "model.pt")
    trainer = build(tmp_path / "short", epochs=kept, best=(0.1, 0.2, 0.3))
    trainer.run()
    weights = trainer.network.state_dict()
    assert all(torch.equal(model[name], weights[name]) for name in weights)


def test_a_metric_that_is_no_number_selects_nothing(tmp_path):
    with pytest.raises(UserError, match="told is nan after epoch 2, so it cannot select"):
        build(tmp_path, best=(0.1, float("nan"), 0.3)).run()
    assert torch.load(tmp_path / "last_state.pt")["progress"]["epoch"] == 1


def test_a_run_without_validation_does_not_end_well(tmp_path):
    trainer = build(tmp_path)
    trainer._event_handlers[Events.EPOCH_COMPLETED] = [
        entry
        for entry in trainer._event_handlers[Events.EPOCH_COMPLETED]
        if "Validation" not in repr(entry[0])
    ]
    with pytest.raises(UserError, match="none of 3 epochs was validated; lower --val_interval"):
        trainer.run()


def test_an_error_in_one_line_is_not_logged_with_a_traceback(tmp_path, caplog):
    class Stop:
        def attach(self, engine):
            engine.add_event_handler(Events.ITERATION_COMPLETED, self)

        def __call__(self):
            raise UserError("the user's")

    with pytest.raises(UserError, match="the user's"):
        build(tmp_path, handlers=[Stop()]).run()
    assert not [record for record in caplog.records if record.exc_info or "terminating" in record.message]


@pytest.fixture
def states(tmp_path):
    """Build the states of a run as a config does, changed by overrides; return them, checked."""
    base = {
        "seed": 0, "max_epochs": 2, "num_workers": 0, "shape": [4, 5, 6], "spatial_shape": "@shape",
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1}, "train": {"handlers": [], "amp": False},
        "states": {
            "_target_": "scripts.training.RunStates", "ckpt_dir": str(tmp_path), "resume": "auto",
            "datalist": str(tmp_path / "datalist.json"),
        },
    }  # fmt: skip
    (tmp_path / "datalist.json").write_text("{}")

    def make(**overrides):
        parser = ConfigParser(json.loads(json.dumps(base)))
        parser.update(overrides)
        made = parser.get_parsed_content("states")
        made.check()
        return made

    make().write({"progress": {"epoch": 1}})
    return make


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 7}, r"--seed \(0 then, 7 now\)"),
        ({"optimizer::lr": 0.5}, r"--optimizer::lr \(0.1 then, 0.5 now\)"),
        ({"optimizer::nesterov": True}, r"--optimizer::nesterov \(absent then, True now\)"),
        ({"optimizer::_target_": "torch.optim.Adam"}, r"--optimizer::_target_ \(torch.optim.SGD then"),
        ({"train::amp": True}, "--train::amp"),
        ({"spatial_shape": [4, 5, 7]}, r"--spatial_shape \(\[4, 5, 6\] then, \[4, 5, 7\] now\)"),
    ],
)
def test_what_a_run_was_begun_with_must_stay(change, named, states):
    with pytest.raises(UserError, match=named) as caught:
        states(**change)
    mistake = str(caught.value)
    assert "this run was begun otherwise" in mistake and "Free to change: --max_epochs" in mistake


def test_another_datalist_is_named(states, tmp_path):
    (tmp_path / "datalist.json").write_text('{"training": []}')
    with pytest.raises(UserError, match="since then changed: the datalist"):
        states()


def test_folders_workers_and_handlers_may_change_and_a_reference_equals_its_data(states):
    states(num_workers=4, max_epochs=9, spatial_shape=[4, 5, 6], **{"train::handlers": [{"_target_": "x"}]})


@pytest.mark.parametrize("base", ["train.yaml", "train_lobes.yaml"])
@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("max_epochs", 7),
        ("num_workers", 7),
        ("val_batch_size", 7),
        ("device", "$torch.device('cpu')"),
        ("dataset_dir", "elsewhere"),
        ("output_dir", "elsewhere"),
        ("cache_dir", "elsewhere"),
    ],
)
def test_whatever_a_message_calls_free_is_free_in_every_training_config(base, flag, value, tmp_path):
    def settings(**overrides):
        parser = read_configs([Path(bundle_root(), "configs", base)])
        if not parser.get().keys() >= overrides.keys():
            pytest.skip("no such flag there")
        parser.update({"output_dir": str(tmp_path), **overrides})
        return parser.get_parsed_content("states").settings

    assert settings(**{flag: value}) == settings() != settings(seed=7)


class Payload:
    """What pickle would run on reading."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def test_a_state_that_holds_code_is_refused_and_none_of_it_runs(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("last_state.pt", "previous_state.pt"):
        state = torch.load(copy / name)
        torch.save({**state, "payload": Payload()}, copy / name)
    with pytest.raises(UserError, match="no state to go on from"):
        build(copy, epochs=4, resume=True).run()
    assert not Path("ran").exists()
