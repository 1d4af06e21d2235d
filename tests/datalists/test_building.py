import json
import time

import nibabel
import numpy as np
import pytest

from scripts.datalists import Marks, Request, SplitPlan, build_datalist, fold_items, read_datalist
from scripts.errors import UserError

LISTS = ("training", "validation", "test")


@pytest.fixture
def mosmed(grow):
    return grow(*(f"studies/CT-{k % 3}/study_{k:04d}.nii.gz" for k in range(60)), "studies/readme.txt")


@pytest.fixture
def slices(grow):
    return grow(
        *(f"{group}/{k}/{k}0/0.png" for group in ("CP", "NCP") for k in map(f"{group}{{}}".format, range(30)))
    )


def test_what_is_written_is_what_is_read(mosmed, tmp_path):
    content = build_datalist("mosmed", Request(mosmed), tmp_path / "datalist.json")
    assert json.loads((tmp_path / "datalist.json").read_text()) == content
    lists = read_datalist(tmp_path / "datalist.json")
    images = {item["image"] for name in LISTS for item in lists[name]}
    assert images == {str(path) for path in mosmed.glob("studies/*/*.nii.gz")}
    assert all(fold_items(tmp_path / "datalist.json", fold=4).values())


def test_the_header_says_where_it_comes_from(mosmed, tmp_path):
    content = build_datalist("mosmed", Request(mosmed), tmp_path / "d.json", SplitPlan(seed=3, folds=4))
    assert content["name"] == f"mosmed {content['content_hash'][:12]}"
    assert (content["layout"], content["seed"], content["split"]["folds"]) == ("mosmed", 3, 4)
    assert "reading" in content["label_meaning"]["mosmed"]["2"]
    assert content["left_out"] == {
        "not in a folder CT-0 .. CT-4": {"count": 1, "first": ["studies/readme.txt"]}
    }


def test_the_same_tree_and_seed_give_the_same_bytes_and_no_quarrel(mosmed, tmp_path):
    output = tmp_path / "datalist.json"
    build_datalist("mosmed", Request(mosmed), output)
    before = output.read_bytes()
    build_datalist("mosmed", Request(mosmed), output)
    assert output.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["datalist.json"]


def test_another_datalist_is_only_replaced_when_asked(mosmed, tmp_path):
    output = tmp_path / "datalist.json"
    output.write_text("{}")
    with pytest.raises(UserError, match="another datalist is there; give --overwrite"):
        build_datalist("mosmed", Request(mosmed), output)
    assert output.read_text() == "{}"
    build_datalist("mosmed", Request(mosmed), output, overwrite=True)
    assert json.loads(output.read_text())["layout"] == "mosmed"


def test_paths_hold_across_folders_and_links_below_the_root_stay_links(mosmed, tmp_path):
    real = next(mosmed.glob("studies/CT-0/*"))
    (tmp_path / "store").mkdir()
    target = real.rename(tmp_path / "store" / "blob")
    real.symlink_to(target)
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "short").symlink_to(tmp_path / "elsewhere/deep")
    build_datalist("mosmed", Request(mosmed), tmp_path / "short/datalist.json")
    lists = read_datalist(tmp_path / "short/datalist.json")
    items = [item for name in LISTS for item in lists[name]]
    assert str(real) in {item["image"] for item in items}
    assert items[0]["name"].startswith("../../data/studies/")


def test_a_window_goes_to_windowed_slices_and_is_refused_for_hounsfield_units(mosmed, slices, tmp_path):
    content = build_datalist(
        "cc_ccii", Request(slices), tmp_path / "d.json", marks=Marks(window=(-600, 1500))
    )
    assert all(item["window"] == [-600, 1500] for name in LISTS for item in content[name])
    for layout, window, message in (("mosmed", (1, 2), "in HU"), ("cc_ccii", (1, 0), "not positive")):
        with pytest.raises(UserError, match=message):
            build_datalist(layout, Request(slices), tmp_path / "e.json", marks=Marks(window=window))


def test_without_a_window_none_is_invented(slices, tmp_path):
    content = build_datalist("cc_ccii", Request(slices), tmp_path / "d.json")
    assert not any("window" in item for name in LISTS for item in content[name])


def test_a_patient_under_two_classes_is_refused_by_name(grow, tmp_path):
    root = grow("CP/1/10/0.png", "NCP/1/11/0.png", "NCP/2/12/0.png")
    with pytest.raises(UserError, match=r"1 patients are under two classes: cc_ccii-1 \(1, 2\)"):
        build_datalist("cc_ccii", Request(root), tmp_path / "d.json")


@pytest.mark.parametrize(
    ("layout", "more", "message"),
    [
        ("brats", {}, "no layout 'brats'; there are cc_ccii, cov19_ct_db"),
        ("mosmed", {"negatives_are": "0"}, "layout mosmed has no use for --negatives_are"),
        ("covid_ct_md", {}, "no scan found; layout covid_ct_md expects 'COVID-19 subjects'.*: studies"),
        ("cc_ccii", {}, "no scan found; layout cc_ccii expects .*not a folder CP, NCP or Normal: studies"),
    ],
)
def test_a_wrong_layout_says_what_is_expected(mosmed, tmp_path, layout, more, message):
    with pytest.raises(UserError, match=message):
        build_datalist(layout, Request(mosmed, **more), tmp_path / "d.json")


def test_a_missing_root_and_a_folder_as_output_are_refused(mosmed, tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder; layout mosmed expects studies/CT-0"):
        build_datalist("mosmed", Request(tmp_path / "nowhere"), tmp_path / "d.json")
    with pytest.raises(UserError, match="is a folder; --output is the file"):
        build_datalist("mosmed", Request(mosmed), tmp_path)


@pytest.mark.slow
def test_ten_thousand_rows_build_within_a_minute(grow, table, tmp_path):
    root = grow(*(f"{k}.nii.gz" for k in range(10_000)))
    rows = table("path,label,patient", *(f"{k}.nii.gz,{k % 3},{k}" for k in range(10_000)))
    start = time.monotonic()
    content = build_datalist("table", Request(root, csv=rows), tmp_path / "d.json")
    assert time.monotonic() - start < 60 and sum(len(content[name]) for name in LISTS) == 10_000


def thickness(root, *scans):
    """Write volumes of so many mm from slice to slice, of two patients by turns, and their table."""
    rows = ["path,label,patient"]
    for k, spacing in enumerate(scans):
        image = nibabel.Nifti1Image(np.zeros((2, 2, 4), np.int16), np.diag([1, 1, spacing, 1]))
        nibabel.save(image, root / f"scan{k}.nii.gz")
        rows.append(f"scan{k}.nii.gz,{k % 2},{k % 2}")
    (root / "scans.csv").write_text("\n".join(rows))
    return Request(root, csv=root / "scans.csv")


def test_one_scan_of_each_patient_is_kept_and_the_others_are_counted(tmp_path):
    request = thickness(tmp_path, 5, 1, 2.5, 8, 7, 3)
    for which, kept in (("thinnest", [1, 2]), ("first", [0, 1])):
        content = build_datalist(
            "table", request, tmp_path / f"{which}.json", SplitPlan(0, 1), Marks(one_scan=which)
        )
        assert sorted(item["image"] for item in content["test"]) == [f"scan{k}.nii.gz" for k in kept]
        assert content["left_out"][f"not the {which} scan of the patient"]["count"] == 4
        assert content["split"]["one_scan_per_patient"] == which


def test_of_slices_without_spacing_most_are_thinnest(grow, tmp_path):
    root = grow(
        *(f"CP/1/{scan}/{k}.png" for scan, slices in ((10, 3), (11, 9), (12, 5)) for k in range(slices))
    )
    content = build_datalist(
        "cc_ccii", Request(root), tmp_path / "d.json", SplitPlan(0, 1), Marks(one_scan="thinnest")
    )
    assert [item["image"] for item in content["test"]] == ["data/CP/1/11"]
