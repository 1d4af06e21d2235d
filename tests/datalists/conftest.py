import pytest


@pytest.fixture
def grow(tmp_path):
    """Write a tree of small files, one for each name, under tmp_path/data; return that folder."""

    def write(*names):
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return root

    return write


@pytest.fixture
def table(tmp_path):
    """Write a CSV from its lines; return its path."""

    def write(*lines, name="scans.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
