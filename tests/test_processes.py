import shutil
from types import SimpleNamespace

import pytest
import torch
from several_processes import in_processes

from scripts import processes
from scripts.errors import UserError
from scripts.processes import gather, join_processes, local_device, rank, world_size


def test_gathering_gives_every_process_what_each_gave_by_rank():
    unlike = in_processes(lambda: gather(["a"] * (1 + rank())), count=3)
    assert unlike == [[["a"], ["a", "a"], ["a", "a", "a"]]] * 3


def test_a_process_alone_is_the_first_of_one():
    assert (rank(), world_size(), gather("x")) == (0, 1, ["x"])


def test_processes_know_their_number():
    assert in_processes(lambda: (rank(), world_size(), str(local_device()))) == [(0, 2, "cpu"), (1, 2, "cpu")]


def test_without_torchrun_the_command_to_type_is_named(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UserError, match="torchrun --nproc_per_node"):
        join_processes()


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert local_device() == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="start 2"):
        local_device()


@pytest.mark.parametrize(("free", "wanted", "given"), [(1000, 2, 2), (959, 2, 0), (959, 0, 0), (700, 1, 1)])
def test_processes_load_scans_where_their_batches_have_room(
    monkeypatch, tmp_path, capsys, free, wanted, given
):
    monkeypatch.setattr(processes, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert processes.loading_processes(wanted, 2, 20) == given  # 160 bytes a batch, of which 6 or 4
    assert bool(capsys.readouterr().err) == (given < wanted)
    monkeypatch.setattr(processes, "SHARED_MEMORY", tmp_path / "none")
    assert processes.loading_processes(wanted, 2, 20) == wanted
