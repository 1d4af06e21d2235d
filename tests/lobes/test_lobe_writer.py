import csv
from types import SimpleNamespace

import torch
from monai.data import MetaTensor
from several_processes import in_processes
from toy_lobes import SHAPE, affine, labels

from scripts.lobes import LobeWriter
from scripts.processes import rank


def batch(*positions):
    """Scans that were answered by their true lobes, and refused ones at odd positions."""
    meta = {"flags": "", "original_affine": torch.from_numpy(affine()), "original_shape": torch.tensor(SHAPE)}
    truth = torch.from_numpy(labels(affine(), SHAPE)).long()
    answer = torch.nn.functional.one_hot(truth, 6).movedim(-1, 0).float()
    items = [
        {
            "image": MetaTensor(torch.zeros(1, *SHAPE), affine=torch.from_numpy(affine()), meta=dict(meta)),
            "name": f"scan{position}.nii.gz",
            "position": torch.tensor(position),
            "refusal": {"code": "no_lungs" if position % 2 else "", "message": "none"},
        }
        for position in positions
    ]
    return SimpleNamespace(state=SimpleNamespace(batch=items, output=[{"pred": answer}] * len(items)))


def write(folder, share):
    writer = LobeWriter(folder)
    writer.start()
    for positions in share:
        writer.add(batch(*positions))
    writer.finish()


def test_processes_write_the_maps_and_the_table_of_one(tmp_path):
    write(tmp_path / "one", [(0, 1), (2, 3), (4,)])
    in_processes(lambda: write(tmp_path / "two", [[(0, 1), (4,)], [(2, 3)]][rank()]))
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two and len(one) == 4  # three label maps and the table
    with (tmp_path / "two" / "lobes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [f"scan{position}.nii.gz" for position in range(5)]
    assert [row["reason"] for row in rows] == ["", "no_lungs: none"] * 2 + [""]
