"""``ensemble.json``: which checkpoints answer together, and how their mean is calibrated."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scripts.errors import UserError
from scripts.files import write_json
from scripts.networks import weights_hash

from .model_file import CalibrationRecord, ModelFile, read_json

__all__ = ["EnsembleFile"]


class Member(BaseModel):
    """A checkpoint of an ensemble: its path from the file's folder on, and the SHA-256 of its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(max_length=4096)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class EnsembleFile(BaseModel):
    """Several checkpoints as one.

    Attributes:
        format: of this file.
        members: at least one.
        classes: of all of them.
        calibration: of the mean of their probabilities; None is identity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    members: list[Member] = Field(min_length=1, max_length=1000)
    classes: list[str]
    calibration: CalibrationRecord | None = None

    @classmethod
    def read(cls, path: str | Path) -> "EnsembleFile":
        """Read the file as data.

        Raises:
            UserError: it is missing, or not an ensemble.
        """
        content = read_json(path, "an ensemble.json")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise UserError(
                f"{path}: not an ensemble.json that cross-validation wrote: {where}: {first['msg']}"
            ) from None

    @classmethod
    def write(
        cls, path: str | Path, checkpoints: Sequence[str | Path], calibration: CalibrationRecord | None = None
    ) -> None:
        """Write the file of some checkpoints, each with a model file beside it.

        Args:
            path: of the file; the checkpoints are named from its folder on.
            checkpoints: the members.
            calibration: of the mean of their probabilities.
        """
        folder = Path(path).parent
        members = [
            Member(path=Path(os.path.relpath(one, folder)).as_posix(), sha256=weights_hash(one))
            for one in checkpoints
        ]
        content = cls(members=members, classes=ModelFile.of(checkpoints[0]).classes, calibration=calibration)
        write_json(path, content.model_dump(), indent=1, ensure_ascii=False)

    def checkpoints(self, path: str | Path) -> list[Path]:
        """Return the members' paths, whose weights must be those that the file names.

        Args:
            path: of this file.

        Raises:
            UserError: a member is not there, or has other weights.
        """
        found = [Path(path).parent / member.path for member in self.members]
        for place, member in zip(found, self.members, strict=True):
            if not place.is_file():
                raise UserError(f"{path}: names {member.path}, which is not there; copy it along")
            if weights_hash(place) != member.sha256:
                raise UserError(f"{place}: has other weights than those that {path} names; copy both again")
        return found
