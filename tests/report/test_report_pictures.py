"""Which heat maps the report shows; the oracle is the hand-written predictions of six scans."""

import numpy as np
import pytest
from toy_run import predictions

from scripts.report.pictures import heat_map_pictures

RIGHT, WRONG, UNSURE = (
    "most confident right prediction", "most confident wrong prediction", "least confident prediction",
)  # fmt: skip
LABELS = np.array([0, 1, 2, 2, 1, 0])
PROBABILITIES = np.array(
    [
        [0.70, 0.20, 0.10],  # right
        [0.05, 0.90, 0.05],  # right, the most confident
        [0.80, 0.10, 0.10],  # wrong, the most confident
        [0.60, 0.20, 0.20],  # wrong
        [0.30, 0.36, 0.34],  # right, the least confident
        [0.20, 0.15, 0.65],  # wrong
    ]
)


@pytest.fixture
def drawn(tmp_path):
    """The folder of a run with an overlay of each scan, and its table."""
    (tmp_path / "heat_maps").mkdir()
    paths = [f"heat_maps/{row:04d}_scan.nii.gz" for row in range(6)]
    for row in range(6):
        (tmp_path / f"heat_maps/{row:04d}_scan.png").write_bytes(b"overlay %d" % row)
    names = [f"scan {row}" for row in range(6)]
    table = predictions(PROBABILITIES, LABELS, names, heat_map=paths)
    return tmp_path, table


def shown(folder, table):
    """Return from each picture's reason to its scan's row."""
    pictures = heat_map_pictures(folder, table)
    return {caption.partition(":")[0]: int(png.split()[1]) for png, caption in pictures}


def test_the_most_confident_right_and_wrong_and_the_least_confident_scan_are_shown(drawn):
    assert shown(*drawn) == {RIGHT: 1, WRONG: 2, UNSURE: 4}


def test_a_caption_names_scan_prediction_and_label(drawn):
    captions = [caption for _, caption in heat_map_pictures(*drawn)]
    assert captions[1] == f"{WRONG}: scan 2, non-pneumonia 0.80, label COVID-19"


@pytest.mark.parametrize(("rows", "missing"), [([0, 1, 4], WRONG), ([2, 3, 5], RIGHT)])
def test_without_a_wrong_or_a_right_prediction_there_are_two_pictures(drawn, rows, missing):
    folder, table = drawn
    found = shown(folder, table.rows(np.array(rows)))
    assert set(found) == {RIGHT, WRONG, UNSURE} - {missing}


def test_a_scan_without_an_overlay_gives_way_to_the_next(drawn):
    folder, table = drawn
    (folder / "heat_maps/0002_scan.png").unlink()
    assert shown(folder, table) == {RIGHT: 1, WRONG: 5, UNSURE: 4}
    unexplained = table.with_column("heat_map", [*table.heat_maps[:5], ""])
    assert shown(folder, unexplained) == {RIGHT: 1, WRONG: 3, UNSURE: 4}


def test_a_run_without_overlays_has_no_gallery(drawn):
    folder, table = drawn
    assert heat_map_pictures(folder, table.with_column("heat_map", "")) == []
    assert heat_map_pictures(folder, predictions(PROBABILITIES, LABELS)) == []
    for overlay in (folder / "heat_maps").iterdir():
        overlay.unlink()
    assert heat_map_pictures(folder, table) == []
