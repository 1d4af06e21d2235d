"""The model file: ``model.json`` beside ``model.pt`` says what the weights are, bound to them by hash."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from scripts.errors import UserError
from scripts.files import write_whole
from scripts.networks import weights_hash
from scripts.statistics import Calibration

__all__ = [
    "AdaptedTo",
    "CalibrationRecord",
    "DistanceRecord",
    "ModelFile",
    "Part",
    "TaughtBy",
    "model_file_path",
    "read_json",
]

FORMAT = 1
LARGEST_FILE = 64 * 2**20  # bytes: half a million hashes of scans
LARGEST_NUMBER = 2**24  # of a part's arguments
MOST_VALUES = 4096  # in all arguments of a part
DEEPEST = 8  # parts within parts
Hash = Field(pattern=r"^[0-9a-f]{64}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Part(_Strict):
    """A component by its name and arguments, as data: nothing in it is evaluated.

    Attributes:
        target: dotted name of a class or function; :mod:`scripts.checkpoints.parts` has the closed list.
        arguments: numbers, text, lists, and parts in the same form.
        factory: handed over uncalled, for the part that takes it to call.
    """

    target: str = Field(max_length=200, pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")
    arguments: dict[str, JsonValue] = {}
    factory: bool = False

    @field_validator("arguments")
    @classmethod
    def _bounded(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        values = list(_leaves(arguments, DEEPEST))
        if len(values) > MOST_VALUES:
            raise ValueError(f"{len(values)} values; expected {MOST_VALUES} at most")
        for value in values:
            if isinstance(value, (int, float)) and not abs(value) <= LARGEST_NUMBER:
                raise ValueError(f"the number {value}; expected {LARGEST_NUMBER} at most")
            if isinstance(value, str):
                _plain_text(value, 1000)
        return arguments


class CalibrationRecord(_Strict):
    """What a calibration says of itself; fitted on scans that are never reported."""

    class_names: list[str]
    temperature: float = Field(gt=0, le=1000)
    at_end_of_range: bool
    training_prior: list[float]
    sensitivity: float = Field(gt=0, le=1)
    thresholds: dict[str, dict[str, Any]]
    fitted_on: dict[str, Any]

    @classmethod
    def of(cls, calibration: Calibration) -> "CalibrationRecord":
        """Return a calibration in the form of a model file."""
        return cls(**calibration.as_json())

    def calibration(self) -> Calibration:
        """Return what can be applied."""
        return Calibration.from_json(self.model_dump())


class DistanceRecord(_Strict):
    r"""How far a scan's features lie from those of the training scans, and what is usual.

    Mahalanobis distance of standardised features :math:`z`, with variances :math:`v_i` along a few principal
    directions :math:`d_i` and one variance v beside them (Tipping and Bishop, J. R. Stat. Soc. B 61, 1999):

    .. math:: d^2 = \sum_i (d_i \cdot z)^2 / v_i + (|z|^2 - \sum_i (d_i \cdot z)^2) / v

    Attributes:
        mean: of each feature over the training scans.
        scale: its standard deviation.
        directions: of length 1 and at right angles.
        variances: along them.
        rest: variance along any other direction.
        threshold: of the distance, beyond which a scan is called unlike the training scans.
        fitted_on: how many scans of what set the fit and the threshold.
    """

    mean: list[float]
    scale: list[float]
    directions: list[list[float]]
    variances: list[float]
    rest: float = Field(gt=0)
    threshold: float = Field(gt=0)
    fitted_on: dict[str, Any]

    @model_validator(mode="after")
    def _consistent(self) -> "DistanceRecord":
        sizes = {len(self.mean), len(self.scale), *map(len, self.directions)}
        if len(sizes) > 1 or len(self.directions) != len(self.variances):
            raise ValueError("training_distance: its lists differ in length")
        if min([*self.scale, *self.variances], default=1.0) <= 0:
            raise ValueError("training_distance: a scale or variance is not positive")
        return self

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Return each scan's distance in multiples of the threshold: above 1 it is unlike the training scans.

        Args:
            features: ``(N, C)``.
        """
        standard = (features - np.array(self.mean)) / np.array(self.scale)
        along = standard @ np.array(self.directions).reshape(-1, len(self.mean)).T
        beside = (standard**2).sum(axis=1) - (along**2).sum(axis=1)
        squared = (along**2 / np.array(self.variances)).sum(axis=1) + beside.clip(min=0) / self.rest
        return np.sqrt(squared) / self.threshold


class TaughtBy(_Strict):
    """The content hashes of the scans behind the weights.

    Attributes:
        training: of the scans that the weights were learnt from.
        validation: of the scans that selected them.
    """

    training: list[str]
    validation: list[str]


class AdaptedTo(_Strict):
    """Scans without labels that a model was adapted to.

    Attributes:
        method: one of :data:`scripts.features.ADAPTATIONS`.
        ill: share of them that is not of class 0, as whoever adapted stated it; None: not stated.
        scans: their content hashes; empty where they are not told.
        count: how many.
    """

    method: str = Field(max_length=200)
    ill: float | None = Field(default=None, gt=0, lt=1)
    scans: list[str] = []
    count: int = Field(ge=1)


class ModelFile(_Strict):
    """What a checkpoint is. Choices of a run (flips, precision, prior, abstention) are not in it.

    Attributes:
        format: of this file.
        weights_sha256: of the weights' file; empty until they are written.
        network: what is built.
        spatial_shape: voxels of its grid along R, A, S.
        window: level, width in HU that became 0 to 1.
        region: which part of a scan its grid covers.
        classes: by index; class 0 is the negative one. Of a lobe network: background and the lobes.
        label_mapping: from labels of the training datalist to these classes, None leaves a label's scans out.
        inferer: how a scan is shown to the network where nobody chooses another.
        training_prior: shares of the classes in the training batches; empty where not known.
        calibration: None is identity.
        training_distance: tells scans unlike those it was trained on; None where nothing was fitted.
        preprocessing_sha256: of the settings and the code from file to grid; empty where not known.
        datalist_sha256: of the datalist that taught it; empty where not known.
        fold: that was held out; None where all were trained on.
        seed: of the training; None where not known.
        versions: of the bundle and of the libraries that trained it.
        taught_by: None where not known, or where it is not told.
        adapted_to: None where it was not adapted.
    """

    format: Literal[1] = 1
    weights_sha256: str = ""
    network: Part
    spatial_shape: list[int] = Field(min_length=3, max_length=3)
    window: list[float] = Field(min_length=2, max_length=2)
    region: Part
    classes: list[str] = Field(min_length=2, max_length=1000)
    label_mapping: dict[str, str | int | None] = Field(default={}, max_length=1000)
    inferer: Part = Part(target="monai.inferers.SimpleInferer")
    training_prior: list[float] = []
    calibration: CalibrationRecord | None = None
    training_distance: DistanceRecord | None = None
    preprocessing_sha256: str = ""
    datalist_sha256: str = ""
    fold: int | None = None
    seed: int | None = None
    versions: dict[str, str] = {}
    taught_by: TaughtBy | None = None
    adapted_to: AdaptedTo | None = None

    @field_validator("spatial_shape")
    @classmethod
    def _positive(cls, shape: list[int]) -> list[int]:
        if not all(0 < size <= 4096 for size in shape):
            raise ValueError(f"{shape}; expected three sizes from 1 to 4096")
        return shape

    @model_validator(mode="after")
    def _consistent(self) -> "ModelFile":
        if not (math.isfinite(self.window[0]) and 0 < self.window[1] < math.inf):
            raise ValueError(f"window {self.window}; expected a level and a positive width in HU")
        for name in self.classes:
            _plain_text(name, 200)
        if len(set(self.classes)) < len(self.classes) or not all(self.classes):
            raise ValueError(f"classes {self.classes}; expected a name of its own for each")
        if self.training_prior and len(self.training_prior) != len(self.classes):
            raise ValueError(f"{len(self.training_prior)} training_prior for {len(self.classes)} classes")
        if self.calibration is not None and self.calibration.class_names != self.classes:
            raise ValueError(f"a calibration of {self.calibration.class_names} for classes {self.classes}")
        if self.calibration is not None and self.training_prior not in ([], self.calibration.training_prior):
            raise ValueError(
                f"a calibration for the training_prior {self.calibration.training_prior} beside "
                f"{self.training_prior}"
            )
        return self

    def without_scans(self) -> "ModelFile":
        """Return the same, without the hashes of any scan."""
        adapted = self.adapted_to and self.adapted_to.model_copy(update={"scans": []})
        return self.model_copy(update={"taught_by": None, "adapted_to": adapted})

    @classmethod
    def read(cls, path: str | Path) -> "ModelFile":
        """Read a model file as data.

        Raises:
            UserError: it is missing, too large, not JSON, of another format, or a field is wrong.
        """
        content = read_json(path, "a model file")
        if isinstance(content, dict) and content.get("format") != FORMAT:
            raise UserError(
                f"{path}: a model file of format {content.get('format')!r}; this version reads {FORMAT}"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise UserError(f"{path}: not a model file: {_in_words(error)}") from None

    @classmethod
    def of(cls, ckpt_path: str | Path) -> "ModelFile":
        """Read the model file of a checkpoint, and make sure that it belongs to these bytes.

        Args:
            ckpt_path: the weights.

        Raises:
            UserError: the weights are not there, have no model file, or are other or damaged ones.
        """
        weights, path = Path(ckpt_path), model_file_path(ckpt_path)
        if not weights.is_file():
            raise UserError(f"{weights}: no such checkpoint; train one, or name yours with --ckpt_path")
        if not path.is_file():
            raise UserError(
                f"{weights}: has no model file {path.name} beside it, so its network, grid, window and "
                f"classes are not known; describe it once: python -m scripts describe {weights} "
                f"--config_file configs/inference.yaml (and the recipe and knobs that it was trained with)"
            )
        described = cls.read(path)
        found = weights_hash(weights)
        if found != described.weights_sha256:
            raise UserError(
                f"{weights}: is not the checkpoint that {path.name} describes (SHA-256 {found[:12]}..., "
                f"expected {described.weights_sha256[:12] or 'none'}...): damaged, or replaced; copy both "
                f"files again, or describe it anew: python -m scripts describe {weights}"
            )
        return described

    def write(self, ckpt_path: str | Path) -> Path:
        """Write the file beside a checkpoint, with the hash of its weights; it appears whole or not at all.

        Returns:
            The path of the model file.
        """
        path = model_file_path(ckpt_path)
        bound = self.model_copy(update={"weights_sha256": weights_hash(ckpt_path)})
        write_whole(path, bound.text())
        return path

    def text(self) -> str:
        """Return what stands in the file: JSON, short lists on a line of their own."""
        return _compact(json.dumps(self.model_dump(), indent=1, ensure_ascii=False)) + "\n"


def model_file_path(ckpt_path: str | Path) -> Path:
    """Return where the model file of a checkpoint lies: ``model.json`` beside ``model.pt``."""
    return Path(ckpt_path).with_suffix(".json")


def read_json(path: str | Path, what: str) -> Any:
    """Read JSON that somebody else may have written.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        UserError: it is missing, larger than 64 MiB, not JSON, or names a key twice.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path}: {path.stat().st_size} bytes; {what} has {LARGEST_FILE} at most")
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (OSError, UnicodeDecodeError, RecursionError, json.JSONDecodeError, _KeyTwice) as error:
        raise UserError(f"{path}: cannot be read as {what} ({error})") from None


class _KeyTwice(ValueError):
    """A JSON object names a key twice: readers differ in which of the values they take."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise _KeyTwice(
            f"the key {next(name for name in names if names.count(name) > 1)!r} stands there twice"
        )
    return content


def _plain_text(text: str, longest: int) -> None:
    """Refuse what a config would evaluate, where the facts of a model file are written into one."""
    if text[:1] in ("$", "@", "%") or len(text) > longest:
        raise ValueError(
            f"the text {text[:40]!r}; expected {longest} characters at most, none of $, @, % first"
        )


def _compact(text: str) -> str:
    """Put lists of numbers on one line."""
    return re.sub(r"\[\s+([-\d.e,\s+]+?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text)


def _leaves(value: Any, depth: int) -> Any:
    if depth < 0:
        raise ValueError(f"values more than {DEEPEST} levels deep")
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, depth - 1)
    else:
        yield value


def _in_words(error: ValidationError) -> str:
    """Return the first errors of a schema in one line."""
    shown = [
        f"{'.'.join(map(str, found['loc'])) or 'the file'}: {found['msg'].removeprefix('Value error, ')}"
        for found in error.errors(include_url=False, include_context=False)
    ]
    return "; ".join(shown[:3]) + (f"; and {len(shown) - 3} more" if len(shown) > 3 else "")
