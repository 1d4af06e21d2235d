"""What a run has answered, kept batch by batch: started again, it goes on and answers the rest."""

import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import count
from pathlib import Path
from typing import Any, cast

from monai.engines import Evaluator
from torch.utils.data import Sampler

from scripts.errors import UserError
from scripts.files import append_whole, write_whole
from scripts.processes import gather, rank, world_size
from scripts.text_files import GrowingTable, Row

__all__ = ["Journal", "UnansweredBatches", "answer_rest"]

FILES = ("heat_map", "lobe_map")  # columns of paths from the run's folder on
ADVICE = "choose another --output_dir, or begin anew with --overwrite True"
LONGEST = 60  # characters of a setting in a message


class Journal:
    """``predictions.progress.jsonl``: which model and settings answer, and, a line a batch, what they gave.

    Each line has a checksum and is flushed to disk before the next batch, so that a run that is killed loses
    a batch at most. A scan is known again by its name and its stamp, which changes with its files. Refused
    scans are tried again; until they are answered, their rows stay. Scans that are no longer asked for keep
    their line, not their row. Of several processes each writes its own file, which the first takes over at
    the end.

    Args:
        folder: of the run; None keeps nothing.
        items: the scans, each with ``name``.
        stamps: of an item's files and fields; called when it is needed.
        identity: what the answers depend on besides, by name: anything that JSON can hold.
        overwrite: forget what is there.
        about: what is answered, the name of its files without their ending.

    Raises:
        UserError: another model or setting answered in the folder, or an unknown one.
    """

    def __init__(
        self,
        folder: str | Path | None,
        items: Sequence[Mapping[str, Any]] = (),
        stamps: Callable[[Mapping[str, Any]], str] = str,
        identity: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        about: str = "predictions",
    ) -> None:
        self.about, self.name = about, f"{about}.progress.jsonl"
        self.folder = None if folder is None else Path(folder)
        self.items, self.stamps = items, stamps
        self.identity = json.loads(json.dumps(dict(identity or {}), default=str))
        self.known: dict[str, dict[str, Any]] = {}
        self.new: dict[str, dict[str, Any]] = {}
        if self.folder is not None and not overwrite:
            self._read(self.folder)
        self.names = list(_alone(str(item.get("name", item.get("image", ""))) for item in items))
        self.seen: dict[int, str] = {}  # stamp by index
        self.kept = {
            index: self.known[name] for index, name in enumerate(self.names) if self._holds(index, name)
        }
        self.answered = {index for index, record in self.kept.items() if record["answered"]}
        self.numbers = self._numbered()

    def stamp(self, index: int) -> str:
        """Return the stamp of a scan, as it was when it was first asked for: before the scan was read."""
        if index not in self.seen:
            self.seen[index] = self.stamps(self.items[index])
        return self.seen[index]

    def number(self, index: int) -> int:
        """Return the number of a scan in this folder: its place among the items, unless another has that."""
        return self.numbers[index] if self.folder is not None else index

    def rows(self, table: str) -> dict[int, list[Row]]:
        """Return the rows of a table that are kept, by the scans' numbers."""
        found = [(record["number"], record["tables"].get(table)) for record in self.kept.values()]
        return {number: rows for number, rows in found if rows}

    def rows_of(self, index: int, table: str) -> Sequence[Row]:
        """Return the rows that a scan has in a table, kept or new."""
        record = self.new.get(self.names[index]) or self.kept.get(index) or {"tables": {}}
        return record["tables"].get(table, [])

    def start(self, tables: Collection[GrowingTable] = ()) -> None:
        """Say what is kept, begin to write, and give the tables their earlier rows."""
        for table in tables:
            table.kept = self.rows(table.path.name)
        if self.folder is None:
            return
        self.new = {}
        if rank() == 0:
            self._say()
            self._write(self.folder / self.name, self.known)
            for path in self.folder.glob(f"{self.about}.progress.*.jsonl"):  # what they hold is known
                path.unlink()
        gather(None)
        if rank():
            self._write(self._own(self.folder), {})

    def keep(self, answers: Mapping[int, tuple[bool, Mapping[str, Sequence[Row]]]]) -> None:
        """Keep a batch, all or nothing of it.

        Args:
            answers: by index, whether the scan was answered (else refused), and its rows by table.
        """
        if self.folder is None:
            return
        records: list[dict[str, Any]] = [
            {
                "scan": self.names[index],
                "stamp": self.stamp(index),
                "number": self.numbers[index],
                "answered": answered,
                "tables": {name: [dict(row) for row in rows] for name, rows in tables.items()},
            }
            for index, (answered, tables) in answers.items()
        ]
        self.new |= {record["scan"]: record for record in records}
        append_whole(self._own(self.folder), _line(records))

    def finish(self) -> None:
        """Put what all processes kept into one file."""
        if self.folder is None:
            return
        for others in gather(self.new):
            self.known = self.known | others
        if rank() == 0:
            self._write(self.folder / self.name, self.known)
        gather(None)
        if rank():
            self._own(self.folder).unlink(missing_ok=True)

    def _own(self, folder: Path) -> Path:
        return folder / (f"{self.about}.progress.{rank()}.jsonl" if rank() else self.name)

    def _write(self, path: Path, records: Mapping[str, Any]) -> None:
        ordered = sorted(records.values(), key=lambda record: record["number"])
        write_whole(path, "".join(map(_line, [{"identity": self.identity}, *([one] for one in ordered)])))

    def _read(self, folder: Path) -> None:
        paths = [folder / self.name, *sorted(folder.glob(f"{self.about}.progress.*.jsonl"))]
        if not paths[0].is_file():
            for found in filter(Path.is_file, (folder / f"{self.about}{end}" for end in (".csv", ".json"))):
                raise UserError(
                    f"{found}: nothing says which model and settings gave these answers ({self.name} is not "
                    f"beside it); {ADVICE}"
                )
        for path in filter(Path.is_file, paths):
            for content in _lines(path):
                if isinstance(content, list):
                    self.known |= {record["scan"]: record for record in content}
                else:
                    self._check(path, content["identity"])

    def _check(self, path: Path, before: dict[str, Any]) -> None:
        names = [name for name in before | self.identity if before.get(name) != self.identity.get(name)]
        if names:
            changes = "; ".join(_change(name, before.get(name), self.identity.get(name)) for name in names)
            raise UserError(f"{path}: its answers are of another model or setting: {changes}; {ADVICE}")

    def _holds(self, index: int, name: str) -> bool:
        """Say whether what is known of a scan is of these very files, and the files it wrote are there."""
        record = self.known.get(name)
        if record is None or self.folder is None or record["stamp"] != self.stamp(index):
            return False
        rows = [row for rows in record["tables"].values() for row in rows]
        written = [row[column] for row in rows for column in FILES if row.get(column)]
        return all((self.folder / path).is_file() for path in written)

    def _numbered(self) -> list[int]:
        """Give every scan a number: that of its line, else its place, else the next that is free."""
        taken = {record["number"] for record in self.known.values()}
        free = (number for number in count(max([*taken, len(self.items) - 1]) + 1))
        numbers = []
        for index, name in enumerate(self.names):
            if name in self.known:
                numbers.append(self.known[name]["number"])
            else:
                numbers.append(next(free) if index in taken else index)
        return numbers

    def _say(self) -> None:
        if self.answered:
            print(f"{len(self.answered)} of {len(self.items)} scans were answered before: {self.folder}")
        others = len(self.known.keys() - set(self.names))
        if others:
            print(f"{others} earlier answers are of scans not asked for now; they stay in {self.name} only")


class UnansweredBatches(Sampler[list[int]]):
    """Cut all scans into batches in their order, leave out those that were answered, share out the rest.

    So each scan meets the companions in its batch that it would meet in a run without end and in a single
    process, and its answer is the same to the last bit.

    Args:
        journal: of the run.
        batch_size: scans in a batch; the last may have fewer.
    """

    def __init__(self, journal: Journal, batch_size: int) -> None:
        self.journal = journal
        count_ = len(journal.items)
        cut = [range(start, min(start + batch_size, count_)) for start in range(0, count_, batch_size)]
        left = [[index for index in batch if index not in journal.answered] for batch in cut]
        self.batches = [batch for batch in left if batch][rank() :: world_size()]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            for index in batch:
                self.journal.stamp(index)
            yield batch


def answer_rest(evaluator: Evaluator, writer: Any) -> None:
    """Run an evaluator over the scans that are left; where none is, write what comes at the end.

    Args:
        evaluator: whose handler is the writer.
        writer: with ``start()`` and ``finish()``.
    """
    if len(cast(Sized, evaluator.data_loader)):
        evaluator.run()
    else:
        writer.start()
        writer.finish()


def _line(content: Any) -> str:
    text = json.dumps(content)
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def _lines(path: Path) -> Iterator[Any]:
    """Yield what the whole lines hold; what a killed run wrote in part, or a disk damaged, is passed over."""
    for number, line in enumerate(path.read_bytes().split(b"\n")):
        digest, _, text = line.partition(b" ")
        if digest == b"%08x" % zlib.crc32(text):
            yield json.loads(text)
        elif number == 0:
            raise UserError(f"{path}: damaged; {ADVICE}")


def _change(name: str, before: Any, now: Any) -> str:
    shown = [json.dumps(value) for value in (before, now)]
    if max(map(len, shown)) > LONGEST:
        return f"another {name}"
    return f"{name} was {shown[0]}, is {shown[1]}"


def _alone(names: Iterable[str]) -> Iterator[str]:
    """Tell scans of one name apart."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} #{seen[name]}"
