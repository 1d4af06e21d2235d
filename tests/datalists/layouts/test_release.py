import pytest

from scripts.datalists.layouts.release import read_table
from scripts.errors import UserError


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_common_delimiter_and_a_byte_order_mark_are_read(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n 1 ,\n\n,\n2,x\n".replace(",", delimiter), encoding="utf-8-sig")
    assert read_table(path, ("b",)) == {2: {"a": "1", "b": ""}, 5: {"a": "2", "b": "x"}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty; expected a header with the columns a, b"),
        (b"x,y\n", "no column 'a', 'b'; found x, y"),
        (b"a,b,a\n", "a column's name is there twice: a, b, a"),
        (b"a,b\n1,2,3\n", "line 2 has 3 cells, the header has 2"),
        (b"a,b\n\xe9,2\n", "not UTF-8 .byte 5.; save it anew"),
        (b"\xff\xfea\0", "text in UTF-16; expected UTF-8"),
    ],
)
def test_a_broken_table_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"t\.csv: {message}"):
        read_table(path, ("a", "b"))


def test_a_missing_table_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"t\.csv: cannot be read \(no such file"):
        read_table(tmp_path / "t.csv", ("a",))
