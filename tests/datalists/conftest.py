import pytest


@pytest.fixture
def table(tmp_path):
    """Write a CSV from its lines; return its path."""

    def write(*lines, name="scans.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
