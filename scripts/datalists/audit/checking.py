"""Every check, over all scans of a datalist."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..building import CLASSES
from .features import feature_table, subjects
from .finding import SKIPPED, Finding
from .identical_scans import check_identical_scans, file_identity
from .label_conflict import check_label_conflict
from .measuring import Measurement
from .near_identical import check_near_identical
from .patient_overlap import check_patient_overlap
from .readable import check_field_of_view, check_intensity, check_readable
from .shortcuts import check_associations, check_probe
from .slices import check_slices

__all__ = ["check_lists", "check_scans"]

Item = dict[str, Any]


def check_scans(
    items: Sequence[Item], measured: Mapping[str, Measurement], headers_only: bool = False
) -> list[Finding]:
    """Run every check.

    Args:
        items: see :func:`~.placing.place_items`.
        measured: by ``key``.
        headers_only: no voxel was read.
    """
    return [
        *check_lists(items, {key: known.content for key, known in measured.items() if known.content}),
        *_check_voxels(items, measured, headers_only),
        *_check_classes(items, measured),
    ]


def check_lists(items: Sequence[Item], contents: dict[str, str] | None = None) -> list[Finding]:
    """Run the checks that the datalist alone answers: cheap enough for the start of every run.

    Args:
        items: see :func:`~.placing.place_items`.
        contents: hash of the voxels by ``key``, where they were read.
    """
    contents = contents or {}
    identities = {item["key"]: file_identity(item) for item in items}
    for key, content in contents.items():
        identities[key].append(f"content {content}")
    return [
        check_patient_overlap(items),
        check_label_conflict(items, contents),
        check_identical_scans(items, identities),
    ]


def _check_voxels(
    items: Sequence[Item], measured: Mapping[str, Measurement], headers_only: bool
) -> list[Finding]:
    if headers_only:
        names = ("near_identical_scans", "readable", "intensity")
        skipped = [Finding(name, SKIPPED, "--headers reads no voxel") for name in names]
        return [*skipped, check_field_of_view(items, measured), check_slices(items, measured)]
    signatures = {image: known.signature for image, known in measured.items() if known.signature is not None}
    return [
        check_near_identical(items, signatures),
        check_readable(items, measured),
        check_intensity(items, measured),
        check_field_of_view(items, measured),
        check_slices(items, measured),
    ]


def _check_classes(items: Sequence[Item], measured: Mapping[str, Measurement]) -> list[Finding]:
    features = feature_table(items, measured)
    labels, patients = subjects(items)
    return [check_associations(features, labels, patients, CLASSES), check_probe(features, labels, patients)]
