"""One network with its settings: what all folds of a cross-validation share."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from monai.bundle import ConfigParser, ConfigWorkflow
from monai.transforms import Compose

from scripts import bundle_root
from scripts.command_line import find_config
from scripts.datalists import CLASSES, class_names, fold_items, read_datalist
from scripts.files import write_whole
from scripts.flags import check_name, is_name, literal

__all__ = ["Experiment", "find_recipes"]

CONFIGS = Path(bundle_root(), "configs")
INERT = ("num_workers",)  # settings that change how fast a run is, and nothing else


class Experiment:
    """Build the workflows of ``train.yaml`` and ``evaluate.yaml`` with one recipe and one set of settings.

    Each workflow has a config, a network and an optimizer of its own, so that no two folds share any.

    Args:
        dataset_dir: holds ``datalist.json``.
        cache_dir: of the scans on their grids; runs may share it.
        recipe: overlay of train.yaml, or several, by path; None is train.yaml alone.
        settings: keys of train.yaml and their values; those that are None stay as the files say.
        tracking: ``tracking_uri`` and ``experiment_name`` of MLflow; None keeps to TensorBoard.

    Raises:
        UserError: a recipe is not there, or a setting is no key of the configs.
    """

    def __init__(
        self,
        dataset_dir: str | Path,
        cache_dir: str | Path,
        recipe: str | Path | Sequence[str | Path] | None = None,
        settings: Mapping[str, Any] | None = None,
        tracking: Mapping[str, Any] | None = None,
    ) -> None:
        self.dataset_dir = Path(dataset_dir)
        self.cache_dir = Path(cache_dir)
        self.recipes = find_recipes(recipe)
        self.settings = {key: value for key, value in (settings or {}).items() if value is not None}
        self.tracking = tracking
        files = [str(file) for file in (CONFIGS / "train.yaml", *self.recipes)]
        known = ConfigParser.load_config_files(files)
        for key in self.settings:
            check_name(key, known, files, section="settings::")

    @property
    def datalist(self) -> Path:
        """The file that says who is trained on, selected on and reported on."""
        return self.dataset_dir / "datalist.json"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by index."""
        stated = self.labels["classes"]
        return list(stated) if stated else class_names(self.datalist, CLASSES, self.labels["label_mapping"])

    @property
    def labels(self) -> dict[str, Any]:
        """How the datalist's labels are read, as its readers take it."""
        return {key: self.settings.get(key) for key in ("label_mapping", "classes")}

    def lists(self) -> dict[str, list[dict[str, Any]]]:
        """Return the datalist's lists, as :func:`scripts.datalists.read_datalist` does."""
        return read_datalist(self.datalist, **self.labels)

    def items(self, fold: int | None) -> dict[str, list[dict[str, Any]]]:
        """Return the items of a fold, or of all folds, as :func:`scripts.datalists.fold_items` does."""
        return fold_items(self.datalist, fold, **self.labels)

    def training(self, **overrides: Any) -> ConfigWorkflow:
        """Return an initialised workflow that trains.

        Args:
            overrides: keys of train.yaml that are this run's own, such as ``fold`` and ``output_dir``.
        """
        tracking = {}
        if self.tracking:
            name = "all folds" if overrides["fold"] is None else f"fold {overrides['fold']}"
            tracking = {**self.tracking, "tracking": "mlflow", "run_name": name, "save_execute_config": False}
        workflow = self._workflow("training", [], **tracking, **overrides)
        write_whole(Path(overrides["output_dir"], "config.yaml"), yaml.safe_dump(workflow.parser.get()))
        return workflow

    def evaluation(self, overlays: Sequence[str] = (), **overrides: Any) -> ConfigWorkflow:
        """Return an initialised workflow that evaluates.

        Args:
            overlays: names of files in configs/ that come after evaluate.yaml.
            overrides: keys of train.yaml and evaluate.yaml that are this run's own.
        """
        return self._workflow("evaluation", ["evaluate.yaml", *overlays], **overrides)

    def preprocessing(self, checkpoint: str | Path) -> Compose:
        """Return what takes a scan to the grid of a checkpoint of this experiment."""
        workflow = self.evaluation(output_dir="", ckpt_path=str(checkpoint))
        return workflow.parser.get_parsed_content("preprocessing")

    def identity(self) -> dict[str, Any]:
        """Return what makes two experiments the same: data, configs by their content, settings."""
        files = [CONFIGS / "train.yaml", *self.recipes, CONFIGS / "evaluate.yaml"]
        return {
            "datalist_sha256": _sha256(self.datalist),
            "configs": {file.name: _sha256(file) for file in files},
            "settings": {key: value for key, value in self.settings.items() if key not in INERT},
        }

    def _workflow(self, run_id: str, overlays: Sequence[str], **overrides: Any) -> ConfigWorkflow:
        files = [CONFIGS / "train.yaml", *self.recipes, *(CONFIGS / name for name in overlays)]
        given = {**self.settings, "dataset_dir": self.dataset_dir, "cache_dir": self.cache_dir, **overrides}
        workflow = ConfigWorkflow(
            [str(file) for file in files],
            meta_file=str(CONFIGS / "metadata.json"),
            logging_file=False,  # a second logging config would silence the first
            run_id=run_id,
            workflow_type="train",
            **{key: literal(str(value)) if is_name(key) else value for key, value in given.items()},
        )
        workflow.initialize()
        return workflow


def find_recipes(recipe: str | Path | Sequence[str | Path] | None) -> list[Path]:
    """Return the files of one or several recipes: as named, or of that name in configs/.

    Args:
        recipe: path or paths; None is none.

    Raises:
        UserError: there is no such file.
    """
    named = [] if recipe is None else [recipe] if isinstance(recipe, (str, Path)) else recipe
    return [find_config(name, "recipe").absolute() for name in named]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
