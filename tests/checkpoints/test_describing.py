"""The model file of a config: read off it, and by `python -m scripts describe`."""

import re
from pathlib import Path

import pytest
import torch
from forked_command import run_command

from scripts import bundle_root
from scripts.checkpoints import (
    ModelFile,
    build_network,
    describe,
    model_file_path,
    read_configs,
    use_model_file,
)
from scripts.checkpoints.describing import main
from scripts.errors import UserError, user_error_behind
from scripts.networks import read_state_dict

CONFIGS = Path(bundle_root(), "configs")
INFERENCE = str(CONFIGS / "inference.yaml")
RECIPES = sorted(path.name for path in CONFIGS.glob("recipe_*.yaml") if "_lobe" not in path.name)


def parser_of(*names, **override):
    parser = read_configs([CONFIGS / name for name in names])
    parser.update(pairs=override)
    parser.parse(reset=True)
    return parser


@pytest.fixture
def network(save_model, tmp_path):
    """A network and its weights alone, in model.pt."""
    built = save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    model_file_path(tmp_path / "model.pt").unlink()
    return built


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_described_as_data_and_built_from_it(recipe):
    parser = parser_of("train.yaml", recipe, spatial_shape=[24, 24, 16])
    own = parser.get_parsed_content("network_def").eval()
    described = ModelFile.model_validate_json(describe(parser).text())
    built = build_network(described.network, own.state_dict())
    x = torch.rand(2, 1, 24, 24, 16)
    with torch.no_grad():
        assert torch.equal(built(x), own(x))
    assert described.spatial_shape == [24, 24, 16] and described.classes[2] == "COVID-19"


def test_training_and_inference_are_described_alike():
    train, inference = (describe(parser_of(f"{name}.yaml")) for name in ("train", "inference"))
    same = {"network", "spatial_shape", "window", "region", "inferer", "classes", "preprocessing_sha256"}
    assert train.model_dump(include=same) == inference.model_dump(include=same)


def test_a_short_name_of_monai_s_is_written_in_full():
    parser = parser_of("train.yaml", spatial_shape=[24, 24, 16])
    parser["network_def"] = {
        "_target_": "DenseNet121",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": "@num_classes",
    }
    parser.parse(reset=True)
    part = describe(parser).network
    assert part.target == "monai.networks.nets.DenseNet121" and part.arguments["out_channels"] == 3


def test_an_argument_that_is_no_data_is_named():
    parser = parser_of("train.yaml")
    parser["network_def::attention"] = "$torch.nn.Identity()"
    parser.parse(reset=True)
    with pytest.raises(
        UserError, match="network_def: Identity is no number, text, list or part; a model file"
    ):
        describe(parser)


def test_a_config_with_a_model_file_written_into_it_is_described_as_that_file_says():
    described = describe(
        parser_of("train.yaml", "recipe_learnable_gamma.yaml", spatial_shape=[24, 32, 16], window=[40, 400])
    )
    parser = parser_of("inference.yaml")
    use_model_file(parser, described)
    parser.parse(reset=True)
    facts = {"network", "spatial_shape", "window", "region", "inferer", "classes"}
    assert describe(parser).model_dump(include=facts) == described.model_dump(include=facts)


def test_the_command_describes_weights_with_knobs_and_recipes(network, tmp_path, capsys):
    files = f"['{CONFIGS}/train.yaml','{CONFIGS}/recipe_demo.yaml']"
    main(
        [
            str(tmp_path / "model.pt"),
            "--config_file",
            files,
            "--spatial_shape",
            "[24,24,16]",
            "--window",
            "[40,400]",
        ]
    )
    described = ModelFile.of(tmp_path / "model.pt")
    assert described.spatial_shape == [24, 24, 16] and described.window == [40, 400]
    assert described.taught_by is None and described.calibration is None
    assert (
        "model.json: scripts.networks.pa_66_m, grid [24, 24, 16], window [40.0, 400.0], 3 classes"
        in capsys.readouterr().out
    )
    built = build_network(described.network, read_state_dict(tmp_path / "model.pt"))
    x = torch.rand(1, 1, 24, 24, 16)
    with torch.no_grad():
        assert torch.equal(built(x), network(x))


def test_it_looks_at_no_other_checkpoint(network, tmp_path, save_model):
    save_model(tmp_path / "other.pt", spatial_shape=[32, 24, 16])
    (tmp_path / "other.pt").write_bytes(b"damaged")
    other = ["--ckpt_path", str(tmp_path / "other.pt")]
    main([str(tmp_path / "model.pt"), "--config_file", INFERENCE, "--spatial_shape", "[24,24,16]", *other])
    assert ModelFile.of(tmp_path / "model.pt").spatial_shape == [24, 24, 16]


@pytest.mark.parametrize("kind", ["module.", "nested", "nested module."])
def test_weights_of_other_programs_are_described_by_the_command_and_answer(kind, network, tmp_path):
    prefix = "module." if "module." in kind else ""
    state = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3} if "nested" in kind else state, tmp_path / "theirs.pt")
    flags = ["--config_file", INFERENCE, "--spatial_shape", "[24,24,16]"]
    done = run_command(["scripts", "describe", tmp_path / "theirs.pt", *flags])
    assert done.returncode == 0, done.stderr
    described = ModelFile.of(tmp_path / "theirs.pt")
    built = build_network(described.network, read_state_dict(tmp_path / "theirs.pt"))
    x = torch.rand(1, 1, 24, 24, 16)
    with torch.no_grad():
        assert torch.equal(built(x), network(x))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--spatial_shap", "[24,24,16]"], "--spatial_shap: no such key in .*; did you mean --spatial_shape"),
        (
            ["--network_def::_target_", "scripts.networks.wa_66"],
            "does not fit SingleTaskNetwork|more parameters",
        ),
        (["--network_def::_target_", "scripts.networks.read_state_dict"], "cannot be built with"),
        (["--spatial_shape", "[24,24]"], "spatial_shape"),
        (["--config_file", "none.yaml"], "none.yaml: no such config; "),
        (["--config_file", str(CONFIGS / "recipe_sa_66.yaml")], "an overlay alone"),
    ],
)
def test_a_mistake_is_one_line_and_writes_no_file(flags, message, network, tmp_path):
    with pytest.raises((UserError, RuntimeError)) as mistake:  # MONAI wraps what a part of a config raises
        main([str(tmp_path / "model.pt"), "--config_file", INFERENCE, *flags])
    assert re.search(message, str(user_error_behind(mistake.value)))
    assert not (tmp_path / "model.json").exists()


def test_a_mistake_of_the_command_has_no_traceback(tmp_path):
    done = run_command(["scripts", "describe", tmp_path / "none.pt", "--config_file", INFERENCE])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith(f"error: {tmp_path}/none.pt: no such checkpoint")


def test_damaged_weights_are_found_by_the_archive_s_checksums(network, tmp_path):
    path = tmp_path / "model.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # within some tensor
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"model\.pt: not a readable PyTorch checkpoint \(BadZipFile: damaged"
    ):
        main([str(path), "--config_file", INFERENCE, "--spatial_shape", "[24,24,16]"])
    assert not (tmp_path / "model.json").exists()
