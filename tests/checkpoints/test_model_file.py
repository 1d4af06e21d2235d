"""What a model file may hold, and whether it belongs to the weights beside it."""

import json
import time

import pytest
import torch

from scripts.checkpoints import ModelFile, Part, TaughtBy, model_file_path
from scripts.errors import UserError
from scripts.networks import weights_hash

DEEP = "[" * 60 + "]" * 60


@pytest.fixture(scope="module")
def saved(tmp_path_factory, save_model):
    path = tmp_path_factory.mktemp("saved") / "model.pt"
    save_model(path, spatial_shape=[24, 24, 16])
    return path


@pytest.fixture
def rewritten(saved, tmp_path):
    """Write a model file with some of its content replaced; return its path."""

    def write(**changes):
        content = json.loads(model_file_path(saved).read_text()) | changes
        path = tmp_path / "model.json"
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))
        return path

    return write


def test_what_is_written_is_read(saved, calibration_record, tmp_path):
    described = ModelFile.of(saved).model_copy(
        update={
            "calibration": calibration_record(),
            "training_prior": [0.4, 0.3, 0.3],
            "taught_by": TaughtBy(training=["ab" * 32], validation=[]),
        }
    )
    (tmp_path / "model.pt").write_bytes(saved.read_bytes())
    described.write(tmp_path / "model.pt")
    assert ModelFile.of(tmp_path / "model.pt") == described


def test_it_is_bound_to_the_bytes_of_the_weights(saved, tmp_path):
    path = tmp_path / "model.pt"
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    model_file_path(path).write_text(model_file_path(saved).read_text())
    with pytest.raises(
        UserError, match=r"model\.pt: is not the checkpoint that model\.json describes"
    ) as one:
        ModelFile.of(path)
    assert weights_hash(path)[:12] in str(one.value) and weights_hash(saved)[:12] in str(one.value)


def test_weights_replaced_under_it_are_refused(saved, tmp_path):
    model_file_path(tmp_path / "model.pt").write_text(model_file_path(saved).read_text())
    torch.save({name: value + 1 for name, value in torch.load(saved).items()}, tmp_path / "model.pt")
    with pytest.raises(UserError, match="damaged, or replaced"):
        ModelFile.of(tmp_path / "model.pt")


def test_a_checkpoint_without_one_is_refused_with_the_command_that_writes_it(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    with pytest.raises(UserError, match=rf"python -m scripts describe {tmp_path}/model\.pt --config_file"):
        ModelFile.of(tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"none\.pt: no such checkpoint; train one"):
        ModelFile.of(tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "a model file of format 2; this version reads 1"),
        ({"format": ...}, "a model file of format None; this version reads 1"),
        ({"network": ...}, "network: Field required"),
        ({"classes": ...}, "classes: Field required"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"classes": ["a"]}, "classes: List should have at least 2 items"),
        ({"classes": ["a", "a"]}, "expected a name of its own for each"),
        ({"classes": ["a", "$__import__('os')"]}, r"expected \d+ characters at most, none of \$, @, % first"),
        ({"spatial_shape": [24, 24]}, "spatial_shape: List should have at least 3 items"),
        ({"spatial_shape": [24, 24, 10**6]}, "spatial_shape: .*expected three sizes from 1 to 4096"),
        ({"spatial_shape": [24, -1, 16]}, "spatial_shape: .*expected three sizes from 1 to 4096"),
        ({"window": [0]}, "window: List should have at least 2 items"),
        ({"window": ["$1", 2]}, "window.0: Input should be a valid number"),
        ({"training_prior": [0.5, 0.5]}, "2 training_prior for 3 classes"),
        ({"network": "scripts.networks.pa_66_m"}, "network: "),
        ({"network": {"target": "os.system", "arguments": ["ls"]}}, "network.arguments: "),
        ({"network": {"target": "a b"}}, "network.target: String should match pattern"),
        ({"network": {"target": "x." * 200 + "y"}}, "network.target: String should have at most 200"),
        ({"network": {"target": "a.b", "arguments": {"c": "$__import__('os')"}}}, "arguments: .*the text"),
        ({"network": {"target": "a.b", "arguments": {"c": [{"d": "@device"}]}}}, "arguments: .*the text"),
        ({"network": {"target": "a.b", "arguments": {"c": "%x.yaml::y"}}}, "network.arguments: .*the text"),
        ({"network": {"target": "a.b", "arguments": {"c": 10**12}}}, "the number 1000000000000; expected"),
        ({"network": {"target": "a.b", "arguments": {"c": float("inf")}}}, "the number inf; expected"),
        ({"network": {"target": "a.b", "arguments": {"c": float("nan")}}}, "the number nan; expected"),
        ({"network": {"target": "a.b", "arguments": {"c": [0] * 5000}}}, "5000 values; expected 4096"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_hostile_or_broken_file_is_refused_in_one_line(changes, message, rewritten):
    path = rewritten(**changes)
    with pytest.raises(UserError, match=message) as refused:
        ModelFile.read(path)
    assert str(refused.value).startswith(f"{path}: ") and "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a model file"),
        ("[1]", "not a model file"),
        ("null", "not a model file"),
        ('{"format": 1', "cannot be read as a model file"),
        ('{"format": 1, "format": 2}', "the key 'format' stands there twice"),
        ('{"format": 1, "network": {"target": "a", "target": "b"}}', "the key 'target' stands there twice"),
        ("[" * 100_000 + "]" * 100_000, "cannot be read as a model file"),
        ('{"format": 1, "a": ' + "[" * 900 + "]" * 900 + "}", "not a model file"),
        ('{"format": 1, "network": {"target": "a", "arguments": {"b": ' + DEEP + "}}}", "levels deep"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_no_json_of_ours_is_refused_in_one_line(text, message, tmp_path):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        ModelFile.read(tmp_path / "model.json")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 1500


def test_other_bytes_than_text_are_refused(tmp_path):
    (tmp_path / "model.json").write_bytes(b"\xff\xfe\x00PK")
    with pytest.raises(UserError, match="cannot be read as a model file"):
        ModelFile.read(tmp_path / "model.json")


def test_a_huge_file_is_refused_unread(tmp_path):
    with (tmp_path / "model.json").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    started = time.perf_counter()
    with pytest.raises(UserError, match=r"1099511627776 bytes; a model file has \d+ at most"):
        ModelFile.read(tmp_path / "model.json")
    assert time.perf_counter() - started < 1


def test_a_part_holds_parts_as_data():
    inner = {"target": "a.b", "arguments": {}, "factory": True}
    part = Part(target="c.d", arguments={"attention": inner, "sizes": [1, 2.5, None, True, "text"]})
    assert Part.model_validate_json(part.model_dump_json()) == part
