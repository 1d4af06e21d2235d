from scripts.datalists import refusals_foreseen


def scan(tmp_path, **fields):
    (tmp_path / "a.png").write_text("a")
    return {"image": str(tmp_path / "a.png"), "name": "a.png", **fields}


def codes(*items, window=(-500, 1500)):
    return [refusal.code for refusal in refusals_foreseen(items, window)]


def test_a_sound_item_is_not_read_to_be_refused(tmp_path):
    assert codes(scan(tmp_path), scan(tmp_path, intensity="windowed", window=[-500, 1600])) == []


def test_what_is_missing_undeclared_or_too_narrow_is_known_before(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK, and no more")
    assert codes({"image": str(tmp_path / "b.png")}) == ["not_found"]
    assert codes({"image": f"{tmp_path}/broken.zip::CP/1"}) == ["unreadable"]
    assert codes(scan(tmp_path, intensity="windowed")) == ["bad_declaration"]
    assert codes(scan(tmp_path, spacing=[1, 1, -1])) == ["bad_declaration"]
    narrow = scan(tmp_path, intensity="windowed", window=[40, 400])
    assert codes(narrow) == ["window_too_narrow"] and codes(narrow, window=None) == []
