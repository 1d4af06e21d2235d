"""ensemble.json: which checkpoints answer together."""

import json
import shutil

import pytest
import torch

from scripts.checkpoints import EnsembleFile
from scripts.errors import UserError
from scripts.networks import weights_hash


@pytest.fixture
def members(save_model, tmp_path):
    """Two checkpoints in folders of their own."""
    paths = [tmp_path / "folds" / str(fold) / "model.pt" for fold in range(2)]
    for seed, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        save_model(path, spatial_shape=[24, 24, 16], seed=seed)
    return paths


def test_members_are_found_from_its_folder_on_wherever_that_is_moved(members, calibration_record, tmp_path):
    EnsembleFile.write(tmp_path / "ensemble.json", members, calibration_record(1.5))
    content = json.loads((tmp_path / "ensemble.json").read_text())
    assert [member["path"] for member in content["members"]] == ["folds/0/model.pt", "folds/1/model.pt"]
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "folds", moved / "folds")
    path = shutil.move(tmp_path / "ensemble.json", moved / "ensemble.json")
    found = EnsembleFile.read(path)
    assert found.checkpoints(path) == [moved / "folds" / "0" / "model.pt", moved / "folds" / "1" / "model.pt"]
    assert found.calibration == calibration_record(1.5)


def test_a_member_with_other_weights_or_none_is_refused(members, tmp_path):
    path = tmp_path / "ensemble.json"
    EnsembleFile.write(path, members)
    expected = weights_hash(members[1])
    torch.save({}, members[1])
    assert weights_hash(members[1]) != expected
    with pytest.raises(
        UserError, match=r"1/model\.pt: has other weights than those that .*ensemble\.json names"
    ):
        EnsembleFile.read(path).checkpoints(path)
    members[1].unlink()
    with pytest.raises(UserError, match=r"names folds/1/model\.pt, which is not there; copy it along"):
        EnsembleFile.read(path).checkpoints(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "members: Field required"),
        ('{"members": [], "classes": ["a", "b"]}', "members: List should have at least 1 item"),
        (
            '{"members": [{"path": "a.pt", "sha256": "abc"}], "classes": []}',
            "members.0.sha256: String should match",
        ),
        ('{"format": 2}', "format: Input should be 1"),
        ('{"members": [], "members": []}', "the key 'members' stands there twice"),
        ("no json", "cannot be read as an ensemble.json"),
    ],
)
def test_another_file_in_its_place_is_named(text, message, tmp_path):
    (tmp_path / "ensemble.json").write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        EnsembleFile.read(tmp_path / "ensemble.json")
    assert "\n" not in str(refused.value)
