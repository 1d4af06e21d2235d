import pytest
from several_processes import in_processes

from scripts.errors import UserError
from scripts.processes import rank
from scripts.text_files import GrowingTable, read_rows


def test_processes_rows_are_merged_by_number_into_one_file(tmp_path):
    def fill():
        table = GrowingTable(tmp_path / "t.csv", ["name"])
        table.start()
        numbers = [[0, 3], [1], [2, 4]][rank()]
        table.add((number, {"name": f"scan {number}"}) for number in numbers)
        return table.finish()

    names = [{"name": f"scan {number}"} for number in range(5)]
    assert in_processes(fill, count=3) == [names] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert read_rows(tmp_path / "t.csv") == names


def test_starting_anew_forgets_earlier_rows(tmp_path):
    table = GrowingTable(tmp_path / "new" / "t.csv", ["n"])
    for _ in range(2):
        table.start()
        table.add(enumerate([{"n": 1}, {"n": 2}]))
    assert table.finish() == [{"n": 1}, {"n": 2}]
    assert (tmp_path / "new" / "t.csv").read_text().split() == ["n", "1", "2"]


def test_kept_rows_are_there_from_the_start_and_a_new_one_replaces_its_own(tmp_path):
    table = GrowingTable(tmp_path / "t.csv", ["n"])
    table.kept = {0: [{"n": "refused"}], 2: [{"n": "=c", "more": 1}]}
    table.start()
    assert read_rows(table.path) == [{"n": "refused"}, {"n": "=c"}]
    table.add([(1, {"n": "b"})])
    assert read_rows(table.path) == [{"n": "refused"}, {"n": "=c"}, {"n": "b"}]
    table.add([(0, {"n": "a"})])
    assert read_rows(table.path) == [{"n": "a"}, {"n": "b"}, {"n": "=c"}]


def test_a_full_disk_leaves_whole_rows_only(tmp_path, monkeypatch):
    table = GrowingTable(tmp_path / "t.csv", ["n"])
    table.start()
    before = table.path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match=f"^no space left on {tmp_path}: needs about 1 MB for t.csv$"):
        table.add([(0, {"n": "a"})])
    assert table.path.read_bytes() == before
