"""What the Model Zoo and MONAI's own clients ask of a bundle, checked without a network."""

import hashlib
import inspect
import json
import re
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from monai.bundle import ConfigParser, ReferenceResolver, verify_metadata, verify_net_in_out
from monai.networks.trt_compiler import TrtCompiler

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
METADATA = json.loads((CONFIGS / "metadata.json").read_text())
LOBE_RECIPES = ["recipe_lobes_demo"]
RECIPES = sorted({path.stem for path in CONFIGS.glob("recipe_*.yaml")} - set(LOBE_RECIPES))
ENDS = [  # chains that a recipe may join, behind the first
    ("train",),
    ("train", "multi_gpu_train"),
    ("train", "evaluate"),
    ("train", "evaluate", "multi_gpu_evaluate"),
    ("train", "evaluate", "explain"),
    ("train", "evaluate", "external"),
    ("inference",),
    ("inference", "multi_gpu_inference"),
    ("inference", "inference_trt"),
    ("inference", "dicom"),
]
LOBE_ENDS = [("train_lobes",), ("inference_lobes",), ("inference_lobes", "multi_gpu_inference")]
CHAINS = [
    (chain[0], *([recipe] if recipe else []), *chain[1:])
    for chains, recipes in ((ENDS, RECIPES), (LOBE_ENDS, LOBE_RECIPES))
    for chain in chains
    for recipe in (None, *recipes)
    if not (recipe == "recipe_modern" and chain[0] == "inference")  # how to train; no network
]
# The first three read train.yaml when they run.
OVER_RUNS = [("cross_validate",), ("ablation",), ("external_test",), ("probe",)]
TRAIN_IDS = [
    "bundle_root",
    "device",
    "dataset_dir",
    "output_dir",
    "ckpt_dir",
    "network_def",
    "network",
    "train::trainer",
    "train::trainer::max_epochs",
    "train::dataset",
    "train::dataset::data",
    "train::inferer",
    "train::handlers",
    "train::preprocessing",
    "validate::evaluator",
    "val_interval",
    "validate::handlers",
    "validate::dataset",
    "validate::dataset::data",
    "validate::inferer",
    "validate::preprocessing",
    "validate::postprocessing",
    "validate::key_metric",
]
INFERENCE_IDS = [
    "bundle_root",
    "device",
    "dataset_dir",
    "output_dir",
    "dataset",
    "dataset::data",
    "dataloader",
    "evaluator",
    "network_def",
    "network",
    "inferer",
    "handlers",
    "preprocessing",
    "postprocessing",
]
SLOTS = {
    "train": {
        "train::trainer::train_handlers": "@train::handlers",
        "train::trainer::inferer": "@train::inferer",
        "train::dataset::transform": "@train::preprocessing",
        "validate::evaluator::val_handlers": "@validate::handlers",
        "validate::evaluator::inferer": "@validate::inferer",
        "validate::evaluator::postprocessing": "@validate::postprocessing",
        "validate::evaluator::key_val_metric": "@validate::key_metric",
        "validate::dataset::transform": "@validate::preprocessing",
    },
    "inference": {
        "evaluator::val_handlers": "@handlers",
        "evaluator::inferer": "@inferer",
        "evaluator::postprocessing": "@postprocessing",
        "dataset::transform": "@preprocessing",
    },
}
SCHEMA = {  # the requirements that the named schema publishes, in our own words
    "type": "object",
    "required": [
        "schema", "version", "changelog", "monai_version", "pytorch_version", "numpy_version",
        "required_packages_version", "task", "description", "authors", "copyright", "network_data_format",
    ],
    "properties": {
        "changelog": {"type": "object", "additionalProperties": {"type": "string"}},
        "required_packages_version": {"type": "object", "additionalProperties": {"type": "string"}},
        "authors": {"type": "string"},
        "network_data_format": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": [
                        "type", "format", "num_channels", "spatial_shape", "dtype", "value_range",
                        "channel_def",
                    ],
                    "properties": {
                        "num_channels": {"type": "integer"},
                        "spatial_shape": {"type": "array", "items": {"type": "integer"}},
                        "value_range": {"type": "array", "items": {"type": "number"}},
                        "is_patch_data": {"type": "boolean"},
                        "channel_def": {"type": "object", "additionalProperties": {"type": "string"}},
                    },
                },
            },
        },
    },
}  # fmt: skip


def parser_of(chain):
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / f"{name}.yaml") for name in chain])
    parser.read_meta(str(CONFIGS / "metadata.json"))
    return parser


def leaves(value):
    """Yield every key and every scalar of nested dicts and lists."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def test_every_config_is_in_a_chain():
    known = {name for chain in CHAINS + OVER_RUNS for name in chain}
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == known


@pytest.mark.parametrize("chain", CHAINS + OVER_RUNS, ids="+".join)
def test_every_reference_that_a_chain_of_configs_follows_resolves(chain):
    """A recipe's settings for training are inert after inference.yaml, so only what is reached counts."""
    parser = parser_of(chain)
    parser.parse()
    items = parser.ref_resolver.items
    ids = INFERENCE_IDS if chain[0].startswith("inference") else TRAIN_IDS
    following = [(name, "the run") for name in ("run", "initialize", "finalize", *ids) if name in items]
    reached = set()
    while following:
        name, origin = following.pop()
        assert name in items, f"{origin} refers to {name}"
        if name not in reached:
            reached.add(name)
            config = items[name].get_config()
            following += [
                (found, name) for found in ReferenceResolver.find_refs_in_config(config=config, id=name)
            ]
    assert ({"run"} if chain in OVER_RUNS else {"network_def", "spatial_shape"}) <= reached


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_configs_avoid_what_monai_reads_in_another_way(path):
    for value in leaves(yaml.safe_load(path.read_text())):
        if not isinstance(value, str):
            continue
        assert "#" not in value, f"{value}: # becomes ::"
        assert not re.fullmatch(r"[-+]?\d+e[-+]?\d+", value), f"{value} is a string in YAML; write 1.0e-4"
        if value.startswith("$"):
            assert not re.search(r"import|lambda|\bfor\b|open\(", value) and len(value) <= 90, value
        if value.startswith("%"):
            assert value[1:] in yaml.safe_load(path.read_text()), f"{value}: macros reach no other file"


@pytest.mark.parametrize(("name", "ids"), [("train", TRAIN_IDS), ("inference", INFERENCE_IDS)])
def test_the_ids_that_clients_look_up_are_literal_also_in_json(name, ids):
    parser = ConfigParser(json.loads((CONFIGS / f"{name}.json").read_text()))
    assert [one for one in ids if one not in parser] == []
    assert {slot: parser[slot] for slot in SLOTS[name]} == SLOTS[name]


def test_metadata_meets_the_schema_that_it_names(tmp_path):
    assert METADATA["schema"].endswith("/meta_schema_20240725.json")
    schema, broken = tmp_path / "schema.json", tmp_path / "metadata.json"
    schema.write_text(json.dumps(SCHEMA))  # there already, so nothing is downloaded
    given = {"filepath": str(schema), "hash_val": hashlib.md5(schema.read_bytes()).hexdigest()}
    verify_metadata(meta_file=str(CONFIGS / "metadata.json"), **given)
    broken.write_text(json.dumps(METADATA | {"authors": ["a list"]}))
    with pytest.raises(ValueError, match="is not of type 'string'"):
        verify_metadata(meta_file=str(broken), **given)


def test_metadata_s_versions_are_those_that_pip_installs():
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split())
    stated = METADATA["required_packages_version"] | {
        name: METADATA[f"{key}_version"]
        for key, name in {"monai": "monai", "pytorch": "torch", "numpy": "numpy"}.items()
    }
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in stated.values())
    assert stated == {name: pins[name] for name in stated}
    assert METADATA["version"] in METADATA["changelog"]


def test_metadata_names_one_image_and_one_prediction_with_a_name_for_each_channel():
    for side, name in {"inputs": "image", "outputs": "pred"}.items():
        ((key, entry),) = METADATA["network_data_format"][side].items()
        assert key == name and list(entry["channel_def"]) == [str(i) for i in range(entry["num_channels"])]


@pytest.mark.parametrize(("recipe", "extra"), [(None, None), ("da_ca_resnet18", "metadata_dual_attention")])
@pytest.mark.parametrize("small", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_networks_take_and_give_what_the_metadata_says(recipe, extra, small):
    recipes = [str(CONFIGS / f"recipe_{recipe}.yaml")] if recipe else []
    extras = [str(CONFIGS / f"{extra}.json")] if extra else []
    shape = [64, 48, 32]
    override = {"spatial_shape": shape, "_meta_::network_data_format::inputs::image::spatial_shape": shape}
    verify_net_in_out(
        net_id="network_def",
        meta_file=[str(CONFIGS / "metadata.json"), *extras],
        config_file=[str(CONFIGS / "inference.yaml"), *recipes],
        device="cpu",
        **(override if small else {}),
    )


def test_the_tensorrt_config_names_what_monai_s_compiler_takes_and_answers_by_pytorch_without_it():
    parser = parser_of(("inference", "inference_trt"))
    parser["spatial_shape"] = [32, 32, 24]
    parser["device"] = "$torch.device('cpu')"
    assert set(parser["network::args"]) <= set(inspect.signature(TrtCompiler).parameters)
    network = parser.get_parsed_content("network").eval()
    assert type(network).__name__ == "MultiTaskNetwork"
    assert network(torch.zeros(2, 1, 32, 32, 24)).shape == (2, 3)


def test_dual_attention_s_metadata_names_the_grid_of_its_recipes():
    (shape,) = json.loads((CONFIGS / "metadata_dual_attention.json").read_text()).values()
    for path in CONFIGS.glob("recipe_*resnet18.yaml"):
        assert yaml.safe_load(path.read_text())["spatial_shape"] == shape


def test_licences_and_the_sections_of_a_model_card_are_there():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert (ROOT / "docs" / "data_license.txt").stat().st_size
    card = (ROOT / "docs" / "README.md").read_text()
    titles = re.findall(r"^#+ (.+)$", card, flags=re.MULTILINE)
    wanted = [
        "Model Overview",
        "Data",
        "Training configuration",
        "Performance",
        "MONAI Bundle Commands",
        "References",
        "License",
    ]
    assert [title for title in titles if title in wanted] == wanted


def test_no_tracked_file_is_large():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert paths
    assert [path for path in paths if path.is_file() and path.stat().st_size > 25e6] == []
