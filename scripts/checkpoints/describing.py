"""What a config says of a network, as a model file: read off the config that trains it, or by command."""

import argparse
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.config_item import ComponentLocator

from scripts.command_line import PROGRAM, CommandLine, check_order, running_config
from scripts.errors import UserError, show_user_errors_in_one_line
from scripts.files import sha256_of
from scripts.networks import read_state_dict
from scripts.transforms import ScanDataset, preprocessing_digest

from .model_file import ModelFile, Part, TaughtBy
from .parts import as_part, build_network, public_name

__all__ = ["RunModelFile", "declared_targets", "describe", "main", "part_of", "use_model_file"]

SECTIONS = {"network": "network_def", "region": "region", "inferer": "test_time_inferer"}
DEFAULT_INFERER = Part(target="monai.inferers.SimpleInferer")


def describe(parser: ConfigParser) -> ModelFile:
    """Return what a config says of the network that it trains or answers with.

    Args:
        parser: of ``train.yaml`` or ``inference.yaml`` with overlays, or of a config with the same ids.

    Raises:
        UserError: a part's argument is no data, or a value is not as it should be.
    """
    parts = {
        kind: Part.model_validate(part_of(parser, section))
        for kind, section in SECTIONS.items()
        if section in parser
    }
    seed = parser.get_parsed_content("seed") if "seed" in parser else None
    mapping = parser.get_parsed_content("label_mapping") if "label_mapping" in parser else None
    return ModelFile(
        network=parts["network"],
        spatial_shape=[int(size) for size in parser.get_parsed_content("spatial_shape")],
        window=[float(value) for value in parser.get_parsed_content("window")],
        region=parts["region"],
        inferer=parts.get("inferer", DEFAULT_INFERER),
        classes=_classes(parser),
        label_mapping={str(label): target for label, target in (mapping or {}).items()},
        preprocessing_sha256=_preprocessing(parser),
        fold=parser.get_parsed_content("fold") if "fold" in parser else None,
        seed=seed,
        versions={
            "bundle": str(parser.get("_meta_", {}).get("version", "")),
            **{name: version(name) for name in ("torch", "monai")},
        },
    )


def use_model_file(parser: ConfigParser, described: ModelFile) -> None:
    """Write what a model file says into a config, for clients that read one file only.

    Args:
        parser: of ``inference.yaml``, or of a config with the same ids; changed in place.
        described: the model file.
    """
    region = _as_config(described.region.model_dump())
    if isinstance(region.get("segmenter"), dict):
        parser["segmenter"] = {"_target_": "scripts.lobes.lobe_segmenter", "ckpt_path": "@lobe_ckpt_path"}
        parser["lobe_ckpt_path"] = "$@bundle_root + '/models/lobe_model.pt'"
        region["segmenter"] = "@segmenter"
        parser["preprocessing::lobes_key"] = "lobes"
    network = _as_config(described.network.model_dump())
    if network.get("num_classes") == len(described.classes):
        network["num_classes"] = "@num_classes"
    if network.get("spatial_shape") == described.spatial_shape:
        network["spatial_shape"] = "@spatial_shape"
    parser["network_def"] = network
    parser["region"] = region
    parser["test_time_inferer"] = _as_config(described.inferer.model_dump())
    parser["spatial_shape"], parser["window"] = described.spatial_shape, described.window
    if not isinstance(parser["classes"], Mapping):  # those of a training are its datalist's
        parser["classes"] = {str(index): name for index, name in enumerate(described.classes)}


def declared_targets(parser: ConfigParser) -> set[str]:
    """Return the dotted names that a config's network, region and inferer use."""
    return {name for section in SECTIONS.values() if section in parser for name in _targets(parser[section])}


class RunModelFile:
    """What the model file of a run says; the handler that saves the weights writes it beside them.

    It reads the config that it stands in, so that no fact is written down twice.

    Args:
        datasets: of the scans that train and that select, whose content hashes are kept.
        training_prior: shares of the classes in the training batches.
        datalist: whose hash is kept.
        tell_scans: keep the scans' hashes; a site of a federation may leave them out.

    Raises:
        UserError: as :func:`describe`.
    """

    def __init__(
        self,
        datasets: Mapping[str, ScanDataset] | None = None,
        training_prior: Sequence[float] = (),
        datalist: str | Path | None = None,
        tell_scans: bool = True,
    ) -> None:
        self.datasets = datasets or {}
        self.tell_scans = tell_scans
        known = datalist is not None and Path(datalist).is_file()
        self.described = describe(running_config()).model_copy(
            update={
                "training_prior": [float(share) for share in training_prior],
                "datalist_sha256": sha256_of(datalist) if known and datalist is not None else "",
            }
        )

    def write(
        self,
        ckpt_path: str | Path,
        trained_on: Sequence[str] | None = None,
        **fitted: Any,
    ) -> None:
        """Write the model file of weights that were just saved.

        Args:
            ckpt_path: the weights.
            trained_on: content hashes of the training scans, where they are known without the data sets.
            fitted: fields that are known already, such as ``calibration``.
        """
        hashes: dict[str, Sequence[str]] = {"training": trained_on or [], "validation": []}
        if trained_on is None and self.tell_scans:
            hashes |= {part: dataset.content_hashes() for part, dataset in self.datasets.items()}
        told = self.tell_scans and any(hashes.values())
        taught = TaughtBy(**{part: sorted(set(found)) for part, found in hashes.items()}) if told else None
        self.described.model_copy(update={"taught_by": taught, **fitted}).write(ckpt_path)

    def write_where_missing(self, ckpt_path: str | Path) -> None:
        """Write the model file of weights, unless the one beside them is theirs.

        Args:
            ckpt_path: the weights.
        """
        try:
            ModelFile.of(ckpt_path)
        except UserError:
            self.write(ckpt_path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Describe a checkpoint that has no model file: from elsewhere, or from an earlier version."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts describe",
        description=main.__doc__,
        usage="%(prog)s CKPT --config_file CONFIGS [--knob VALUE ...]",
    )
    parser.add_argument("ckpt_path", metavar="CKPT", help="the weights; gains CKPT's model file beside it")
    parser.add_argument(
        "--config_file",
        default="configs/inference.yaml",
        help="as `run inference` takes it: one, or \"['configs/inference.yaml','configs/recipe_X.yaml']\"",
    )
    options, rest = parser.parse_known_args(arguments)
    show_user_errors_in_one_line()
    command_line = CommandLine.of([PROGRAM, "--config_file", options.config_file, *rest])
    assert command_line is not None
    check_order(command_line.files)
    config = command_line.configs()
    config.update(pairs={**command_line.pairs(), "ckpt_path": ""})  # that of the bundle is another
    config.parse(reset=True)
    described = describe(config)
    weights = read_state_dict(options.ckpt_path)
    build_network(described.network, weights, declared_targets(config))
    path = described.write(options.ckpt_path)
    print(
        f"{path}: {described.network.target}, grid {described.spatial_shape}, window {described.window}, "
        f"{len(described.classes)} classes"
    )


def read_configs(files: Sequence[str | Path]) -> ConfigParser:
    """Read a config and its overlays, later ones winning, with the metadata beside the first.

    Raises:
        UserError: a file is not there.
    """
    missing = [str(file) for file in files if not Path(file).is_file()]
    if missing:
        raise UserError(f"{missing[0]}: no such config file")
    parser = ConfigParser()
    parser.read_config([str(file) for file in files])
    metadata = Path(files[0]).with_name("metadata.json")
    if metadata.is_file():
        parser.read_meta(str(metadata))
    return parser


def part_of(parser: ConfigParser, section: str) -> dict[str, Any]:
    """Return a section of a config, such as ``network_def``, in the form of a model file's part.

    Raises:
        UserError: an argument is no data.
    """
    kind = next(kind for kind, name in SECTIONS.items() if name == section)
    try:
        return _component(parser, kind, section, parser[section])
    except TypeError as error:
        raise UserError(f"{section}: {error}; a model file holds data only") from None


def _component(parser: ConfigParser, kind: str, section: str, config: Mapping[str, Any]) -> dict[str, Any]:
    target = str(_resolved(parser, f"{section}::_target_", config["_target_"]))
    if "." not in target:
        target = str(ComponentLocator().get_component_module_name(target))
        target = f"{target}.{config['_target_']}"
    arguments = {
        name: _value(parser, kind, f"{section}::{name}", value)
        for name, value in config.items()
        if not (name.startswith("_") and name.endswith("_"))
    }
    mode = config.get("_mode_", "default")
    if mode not in ("default", "callable"):
        raise TypeError(f"_mode_: {mode} is no mode of a network's part")
    return {"target": public_name(kind, target), "arguments": arguments, "factory": mode == "callable"}


def _value(parser: ConfigParser, kind: str, section: str, value: Any) -> Any:
    if isinstance(value, Mapping) and "_target_" in value:
        return _component(parser, kind, section, value)
    if isinstance(value, Mapping):
        return {key: _value(parser, kind, f"{section}::{key}", inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(parser, kind, f"{section}::{index}", inner) for index, inner in enumerate(value)]
    return as_part(_resolved(parser, section, value))


def _resolved(parser: ConfigParser, section: str, value: Any) -> Any:
    is_reference = isinstance(value, str) and value[:1] in ("$", "@", "%")
    return parser.get_parsed_content(section) if is_reference else value


def _as_config(value: Any) -> Any:
    """Return a part in the form of a config."""
    if isinstance(value, Mapping) and "target" in value:
        called = {"_mode_": "callable"} if value["factory"] else {}
        arguments = {name: _as_config(inner) for name, inner in value["arguments"].items()}
        return {"_target_": value["target"], **called, **arguments}
    if isinstance(value, Mapping):
        return {name: _as_config(inner) for name, inner in value.items()}
    return [_as_config(inner) for inner in value] if isinstance(value, list) else value


def _classes(parser: ConfigParser) -> list[str]:
    names = parser.get_parsed_content("classes" if "classes" in parser else "class_names")
    return [str(name) for name in (names.values() if isinstance(names, Mapping) else names)]


def _preprocessing(parser: ConfigParser) -> str:
    """Digest what takes a scan to its grid; what takes lobe masks there is of training alone."""
    section = next((name for name in ("image_to_grid", "preprocessing") if name in parser), None)
    return "" if section is None else preprocessing_digest(parser.get_parsed_content(section))


def _targets(value: Any) -> Any:
    if isinstance(value, Mapping):
        if isinstance(value.get("_target_"), str):
            yield value["_target_"]
        for inner in value.values():
            yield from _targets(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _targets(inner)


if __name__ == "__main__":
    main()
