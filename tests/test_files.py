import errno
import os
import stat
import subprocess
import sys

import pytest
import torch

from scripts.errors import UserError
from scripts.files import sweep_partials, write_whole


@pytest.mark.parametrize("content", ["é\n", "é\n".encode(), lambda file: file.write("é\n".encode())])
def test_a_file_holds_what_was_given_and_nothing_else_stays(tmp_path, content):
    write_whole(tmp_path / "new" / "a.txt", content)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "é\n"


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_the_umask_says_who_may_read_a_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "a", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_one_line_and_keeps_the_earlier_file(tmp_path, monkeypatch, number):
    write_whole(tmp_path / "a.pt", b"earlier")
    monkeypatch.setattr("os.fsync", lambda handle: _raise(OSError(number, os.strerror(number))))
    with pytest.raises(UserError, match=f"^no space left on {tmp_path}: needs about 4 MB for a.pt$"):
        write_whole(tmp_path / "a.pt", lambda file: torch.save(torch.zeros(900_000), file))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    assert (tmp_path / "a.pt").read_bytes() == b"earlier"


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UserError, match="a/b: cannot be written"):
        write_whole(tmp_path / "a" / "b", "text")


def test_a_content_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "a", lambda file: file.write(1 // 0))
    assert not list(tmp_path.iterdir())


def test_a_long_name_is_written_like_any_other(tmp_path):
    write_whole(tmp_path / ("ü" * 120 + ".nii.gz"), "text")
    assert len(list(tmp_path.iterdir())) == 1


def test_only_what_a_killed_process_left_is_swept(tmp_path):
    dies = "import os; from scripts.files import write_whole; os.fsync = lambda _: os._exit(9); "
    write = f"{dies} write_whole({str(tmp_path / 'a')!r}, 'text')"
    assert subprocess.run([sys.executable, "-c", write], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    living = left.with_name(f"b.{left.name.split('.')[1]}.{os.getppid()}.partial")
    elsewhere = left.with_name("c.otherhost.7.partial")
    own = left.with_name("my.partial")
    for path in (living, elsewhere, own):
        path.write_text("")
    sweep_partials(tmp_path)
    assert set(tmp_path.iterdir()) == {living, elsewhere, own}
    os.utime(elsewhere, (0, 0))
    sweep_partials(tmp_path)
    assert set(tmp_path.iterdir()) == {living, own}
    sweep_partials(tmp_path, alone=True)
    assert set(tmp_path.iterdir()) == {own}


def test_a_folder_that_is_not_there_needs_no_sweeping(tmp_path):
    sweep_partials(tmp_path / "none")
    assert not list(tmp_path.iterdir())


def _raise(error):
    raise error
