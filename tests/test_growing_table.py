from several_processes import in_processes

from scripts.growing_table import GrowingTable
from scripts.processes import rank
from scripts.statistics import read_predictions


def test_processes_rows_are_merged_by_position_into_one_file(tmp_path):
    def fill():
        table = GrowingTable(tmp_path / "t.csv", ["name"])
        table.start()
        positions = [[0, 3], [1], [2, 4]][rank()]
        table.add((position, {"name": f"scan {position}"}) for position in positions)
        during = len(list(tmp_path.iterdir()))
        return during, table.finish()

    names = [{"name": f"scan {position}"} for position in range(5)]
    assert [rows for _, rows in in_processes(fill, count=3)] == [names] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert read_predictions(tmp_path / "t.csv") == names


def test_starting_anew_forgets_earlier_rows(tmp_path):
    table = GrowingTable(tmp_path / "new" / "t.csv", ["n"])
    for _ in range(2):
        table.start()
        table.add(enumerate([{"n": 1}, {"n": 2}]))
    assert table.finish() == [{"n": 1}, {"n": 2}]
    assert (tmp_path / "new" / "t.csv").read_text().split() == ["n", "1", "2"]
