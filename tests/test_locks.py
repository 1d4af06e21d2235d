import os
import signal
import subprocess
import sys
import textwrap

import pytest

from scripts.errors import UserError
from scripts.locks import hold_folder, holding, release_folder

HOLD = """
import os, sys, time
from scripts.locks import hold_folder
hold_folder(sys.argv[1])
if os.fork() == 0:
    time.sleep(60)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder, and has a worker of its own."""
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_with_the_first_ones_host_number_and_time(tmp_path, holder):
    host = os.uname().nodename.split(".")[0]
    with pytest.raises(UserError, match=rf"process {holder.pid} on {host}, since \d{{4}}-\d\d-\d\dT"):
        hold_folder(tmp_path)


def test_the_lock_of_a_killed_process_is_free_at_once_though_its_worker_lives_on(tmp_path, holder):
    holder.kill()
    holder.wait()
    (tmp_path / "model.pt.otherhost.7.partial").write_text("")
    with holding(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert not list(tmp_path.iterdir())


def test_a_process_may_take_its_own_lock_again(tmp_path):
    with holding(tmp_path / "new"):
        with holding(tmp_path / "new"):
            pass
        assert (tmp_path / "new" / ".lock").exists()
    assert not (tmp_path / "new" / ".lock").exists()
    release_folder(tmp_path / "new")


def test_locks_of_other_names_do_not_meet(tmp_path, holder):
    with holding(tmp_path, "audit.lock"):
        assert (tmp_path / "audit.lock").exists()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UserError, match="a: cannot be written"):
        hold_folder(tmp_path / "a")
