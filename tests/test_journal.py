import json
from types import SimpleNamespace

import pytest
from several_processes import in_processes

from scripts.errors import UserError
from scripts.journal import Journal, UnansweredBatches, answer_rest
from scripts.processes import rank
from scripts.text_files import GrowingTable

IDENTITY = {"model": ["ab" * 32], "window": [-500, 1500], "explain": False}


def items(*names):
    return [{"name": name, "stamp": 0} for name in names]


def journal(folder, scans="abcde", identity=IDENTITY, **options):
    return Journal(folder, items(*scans), lambda item: str(item["stamp"]), identity, **options)


def answer(run, batch, refused=()):
    run.keep({
        index: (index not in refused, {"t.csv": [{"name": run.names[index], "number": run.number(index)}]})
        for index in batch
    })  # fmt: skip


def run_batches(run, batches=99, batch_size=2, refused=()):
    run.start()
    for batch in UnansweredBatches(run, batch_size).batches[:batches]:
        answer(run, batch, refused)


def shown(run):
    return [row["name"] for _, rows in sorted(run.rows("t.csv").items()) for row in rows]


def test_a_killed_run_keeps_its_batches_and_goes_on_with_the_same_companions(tmp_path):
    run_batches(journal(tmp_path), batches=2)
    later = journal(tmp_path)
    assert shown(later) == list("abcd") and list(UnansweredBatches(later, 2)) == [[4]]


@pytest.mark.parametrize("lost", [2, 9, 40])
def test_half_a_line_costs_its_batch_alone(tmp_path, lost):
    run_batches(journal(tmp_path), batches=2)
    path = tmp_path / "predictions.progress.jsonl"
    path.write_bytes(path.read_bytes()[:-lost])
    later = journal(tmp_path)
    assert shown(later) == ["a", "b"]
    run_batches(later)
    assert shown(journal(tmp_path)) == list("abcde")


def test_a_flipped_byte_costs_its_batch_alone(tmp_path):
    run_batches(journal(tmp_path), batches=3)
    path = tmp_path / "predictions.progress.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b'"c"', b'"x"', 1)
    path.write_bytes(b"\n".join(lines))
    assert shown(journal(tmp_path)) == ["a", "b", "e"]


def test_a_journal_that_does_not_say_whose_it_is_is_refused(tmp_path):
    run_batches(journal(tmp_path))
    path = tmp_path / "predictions.progress.jsonl"
    path.write_bytes(b"x" + path.read_bytes())
    with pytest.raises(
        UserError, match="damaged; choose another --output_dir, or begin anew with --overwrite"
    ):
        journal(tmp_path)
    assert not journal(tmp_path, overwrite=True).answered


@pytest.mark.parametrize(("change", "message"), [
    ({"explain": True}, "explain was false, is true"),
    ({"window": [40, 400]}, r"window was \[-500, 1500\], is \[40, 400\]"),
    ({"model": ["cd" * 32]}, "another model"),
    ({"more": 1}, "more was null, is 1"),
])  # fmt: skip
def test_another_model_or_setting_is_refused_by_name_until_overwritten(tmp_path, change, message):
    run_batches(journal(tmp_path))
    with pytest.raises(UserError, match=message):
        journal(tmp_path, identity=IDENTITY | change)
    anew = journal(tmp_path, identity=IDENTITY | change, overwrite=True)
    assert not anew.answered and not anew.rows("t.csv")
    anew.start()
    assert not journal(tmp_path, identity=IDENTITY | change).answered


@pytest.mark.parametrize("table", ["predictions.csv", "predictions.json"])
def test_answers_of_an_unknown_model_are_not_overwritten(tmp_path, table):
    (tmp_path / table).write_text("image\n")
    with pytest.raises(UserError, match=f"{table}: nothing says which model"):
        journal(tmp_path)
    journal(tmp_path, about="lobes")
    journal(tmp_path, overwrite=True).start()


def test_a_changed_scan_is_answered_again_under_its_number(tmp_path):
    run_batches(journal(tmp_path))
    changed = items(*"abcde")
    changed[1]["stamp"] = 1
    later = Journal(tmp_path, changed, lambda item: str(item["stamp"]), IDENTITY)
    assert list(UnansweredBatches(later, 2)) == [[1]] and later.number(1) == 1


def test_refused_scans_are_tried_again_and_keep_their_rows_until_then(tmp_path):
    run_batches(journal(tmp_path), refused=(3,))
    later = journal(tmp_path)
    assert shown(later) == list("abcde") and list(UnansweredBatches(later, 2)) == [[3]]


def test_more_scans_get_numbers_of_their_own_and_fewer_keep_what_was_found(tmp_path, capsys):
    run_batches(journal(tmp_path, "bd"))
    more = journal(tmp_path, "abcd")
    assert [more.number(index) for index in range(4)] == [4, 0, 2, 1]
    run_batches(more)
    fewer = journal(tmp_path, "ad")
    assert shown(fewer) == ["d", "a"]
    fewer.start()
    assert "2 earlier answers are of scans not asked for now" in capsys.readouterr().out
    fewer.finish()
    assert len(journal(tmp_path, "abcd").answered) == 4


def test_scans_of_one_name_are_told_apart(tmp_path):
    run_batches(journal(tmp_path, "aab"), batches=1)
    assert shown(journal(tmp_path, "aab")) == ["a", "a #2"]


def test_an_answer_whose_file_is_gone_is_given_again(tmp_path):
    run = journal(tmp_path, "ab")
    run.start()
    (tmp_path / "map.nii.gz").write_text("")
    maps = ["map.nii.gz", "gone.nii.gz"]
    run.keep({index: (True, {"t.csv": [{"heat_map": name}]}) for index, name in enumerate(maps)})
    assert journal(tmp_path, "ab").answered == {0}


def test_processes_share_what_is_left_and_leave_the_file_of_one(tmp_path):
    run_batches(journal(tmp_path / "two"), batches=1)
    run_batches(journal(tmp_path / "one"), batches=1)

    def go_on(folder, end):
        run = journal(folder)
        run.start()
        for batch in UnansweredBatches(run, 2):
            answer(run, batch)
        if end:
            run.finish()
        return rank(), [run.names[index] for batch in UnansweredBatches(run, 2) for index in batch]

    assert in_processes(lambda: go_on(tmp_path / "two", end=False)) == [(0, ["c", "d"]), (1, ["e"])]
    assert shown(journal(tmp_path / "two")) == list("abcde")  # killed before the end
    in_processes(lambda: go_on(tmp_path / "two", end=True))
    go_on(tmp_path / "one", end=True)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / n).iterdir()} for n in ("one", "two")]
    assert contents[0] == contents[1] and set(contents[0]) == {"predictions.progress.jsonl"}


def test_nothing_left_to_answer_still_writes_the_end(tmp_path):
    run_batches(journal(tmp_path))
    later, table = journal(tmp_path), GrowingTable(tmp_path / "t.csv", ["name"])
    ended = SimpleNamespace(start=lambda: (later.start([table]), table.start()), finish=table.finish)
    answer_rest(SimpleNamespace(data_loader=UnansweredBatches(later, 2)), ended)
    assert (tmp_path / "t.csv").read_text().split() == ["name", *"abcde"]


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Journal(None, items("a"))
    run_batches(run)
    run.finish()
    assert not list(tmp_path.iterdir()) and json.dumps(run.identity) == "{}"
