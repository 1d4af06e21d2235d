import zipfile

import pytest

from scripts.errors import UserError
from scripts.scans import scan_exists, scan_files


@pytest.fixture
def root(grow):
    root = grow("a.nii.gz", "series/2.dcm", "series/10.dcm", "series/deeper/x.dcm")
    with zipfile.ZipFile(root / "z.zip", "w") as archive:
        archive.writestr("CP/1/2/0.png", "abc")
    return root


@pytest.mark.parametrize(
    ("scan", "names"),
    [
        ("a.nii.gz", ["a.nii.gz"]),
        ("series", ["series/10.dcm", "series/2.dcm"]),
        ("z.zip::CP/1/2", ["z.zip::CP/1/2/0.png"]),
    ],
)
def test_a_scan_is_a_file_or_the_files_of_its_folder(root, scan, names):
    assert [file.name for file in scan_files(root, scan)] == names
    assert scan_exists(root, scan)


def test_sizes_and_bytes_are_those_of_the_file_in_a_zip_too(root):
    (packed,) = scan_files(root, "z.zip::CP/1/2")
    with packed.open() as content:
        assert (content.read(), packed.size) == (b"abc", 3)


@pytest.mark.parametrize("scan", ["b.nii.gz", "z.zip::CP/9/9", "y.zip::CP"])
def test_what_is_not_there_does_not_exist(root, scan):
    assert not scan_exists(root, scan)


def test_a_dangling_link_is_refused_by_name(root):
    (root / "series/3.dcm").symlink_to(root / "nowhere")
    with pytest.raises(UserError, match=r"3\.dcm: cannot be read"):
        scan_files(root, "series")
