import pytest

from scripts.errors import UserError
from scripts.scans import scan_items


def test_names_start_at_the_named_folder(grow):
    root = grow("a/scan.nii", "b/other.nii")
    assert [item["name"] for item in scan_items(root)] == ["data/a/scan.nii", "data/b/other.nii"]
    assert [item["name"] for item in scan_items(root / "a/scan.nii")] == ["scan.nii"]


def test_names_that_would_be_alike_start_where_the_paths_part(grow):
    root = grow("a/scan.nii", "b/scan.nii")
    items = scan_items([root / "a/scan.nii", root / "b/scan.nii"])
    assert [item["name"] for item in items] == ["a/scan.nii", "b/scan.nii"]


def test_what_is_declared_holds_for_all(grow):
    items = scan_items(grow("a.nii", "b.nii"), {"window": [-500, 1500], "series": None})
    assert [{key for key in item if key not in ("image", "name")} for item in items] == [{"window"}] * 2


def test_what_cannot_be_declared_is_named(grow):
    with pytest.raises(UserError, match="colour cannot be declared"):
        scan_items(grow("a.nii"), {"colour": "red"})
