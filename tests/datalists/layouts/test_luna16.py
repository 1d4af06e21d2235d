import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

# LUNA16 (luna16.grand-challenge.org): subset0 .. subset9 of UID.mhd beside UID.raw; annotations.csv has a
# row a nodule and names scans by SeriesInstanceUID, here two of one scan; seg-lungs-LUNA16 has masks under
# the scans' names. LIDC-IDRI's metadata.csv, as TCIA's retriever writes it, has Series UID and Subject ID
# among its columns.
UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.{}"
A, B, C = (UID.format(k) for k in ("100225287222365663678666836860", "105756658031515062000744821260", "3"))
NODULES = [
    "seriesuid,coordX,coordY,coordZ,diameter_mm",
    f"{A},-128.7,-175.3,-298.4,5.65",
    f"{A},103.8,-211.9,-227.1,4.22",
]


@pytest.fixture
def root(grow, table):
    root = grow(
        *(f"subset0/{A}.{ending}" for ending in ("mhd", "raw")),
        *(f"subset1/{B}.{ending}" for ending in ("mhd", "zraw")),
        f"subset1/{C}.mhd",
        f"seg-lungs-LUNA16/{A}.mhd",
        "candidates_V2.csv",
        "poster.pdf",
    )
    table(*NODULES, name="annotations.csv").rename(root / "annotations.csv")
    return root


def collect(root, **more):
    return collect_scans("luna16", Request(root, **{"negatives_are": "0", **more}))


def test_each_series_is_a_scan_with_its_nodules(root):
    collection = collect(root)
    common = {"label": 0, "source": "luna16", "label_source": "none"}
    assert collection.items == [
        {"image": f"subset0/{A}.mhd", "patient": f"luna16-{A}", "nodules": 2, **common},
        {"image": f"subset1/{B}.mhd", "patient": f"luna16-{B}", "nodules": 0, **common},
    ]
    assert collection.left_out == {
        "not part of the layout": ["poster.pdf"],
        "header without its voxels (.raw)": [f"subset1/{C}.mhd"],
    }
    assert "nodules only" in collection.label_meaning["luna16"]["0"]


def test_patients_come_from_the_collection_that_the_scans_are_of(root, table):
    rows = table("Series UID,Subject ID,Modality", f"{A},LIDC-IDRI-0001,CT", f"{B},LIDC-IDRI-0001,CT")
    assert {item["patient"] for item in collect(root, csv=rows).items} == {"luna16-LIDC-IDRI-0001"}
    assert not collect(root, csv=rows).notes and "every scan counts" in collect(root).notes[0]


def test_a_nodule_of_an_absent_scan_and_an_undecided_class_are_refused(root, table):
    table(*NODULES, "9.9,0,0,0,7", name="annotations.csv").rename(root / "annotations.csv")
    with pytest.raises(UserError, match=r"annotations\.csv: names 1 scans that are not under .*: 9\.9"):
        collect(root)
    assert len(collect(root, skip_missing=True).items) == 2
    with pytest.raises(UserError, match=r"LUNA16 was read for nodules, .*decide with --negatives_are"):
        collect(root, negatives_are=None)
