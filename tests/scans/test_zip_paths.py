import zipfile

import pytest

from scripts.errors import UserError
from scripts.scans import join_zip_path, split_zip_path, zip_folders


@pytest.mark.parametrize(
    ("archive", "folder"), [("a/CP-1.zip", "CP/1/2"), ("B.ZIP", "x::y"), ("c.zip", ""), ("d.zip", "e.zip::f")]
)
def test_splitting_undoes_joining(archive, folder):
    assert split_zip_path(join_zip_path(archive, folder)) == (archive, folder)


def test_colons_without_a_zip_are_part_of_a_name():
    assert split_zip_path("a::b/c.nii.gz") == ("a::b/c.nii.gz", None)


def test_only_folders_that_hold_files_are_listed_and_what_systems_leave_is_not(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("CP/", "CP/1/2/0.png", "CP/1/2/1.png", "CP/1/2/.DS_Store", "__MACOSX/CP/1/2/0.png"):
            archive.writestr(name, "")
    folders = zip_folders(tmp_path / "a.zip")
    assert {folder: [m.filename for m in members] for folder, members in folders.items()} == {
        "CP/1/2": ["CP/1/2/0.png", "CP/1/2/1.png"]
    }


def test_a_broken_or_missing_zip_is_refused_by_name(tmp_path):
    (tmp_path / "a.zip").write_text("PK no")
    with pytest.raises(UserError, match=r"a\.zip: not a whole zip"):
        zip_folders(tmp_path / "a.zip")
    with pytest.raises(UserError, match=r"b\.zip: cannot be read \(No such file"):
        zip_folders(tmp_path / "b.zip")
