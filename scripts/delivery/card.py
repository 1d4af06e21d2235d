"""The README of a release: what these weights are and how they did; Hugging Face reads its head."""

import json
import posixpath
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.checkpoints import ModelFile

__all__ = ["held_links", "metrics_of", "release_card"]

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")
SHOWN = ("accuracy", "balanced_accuracy", "macro_auc", "majority_class_baseline")
HEAD = {
    "license": "apache-2.0",
    "library_name": "monai",
    "pipeline_tag": "image-classification",
    "tags": ["monai", "medical", "computed-tomography", "chest", "covid-19", "pneumonia"],
}
CARD = """# {name}

Classifies a chest CT scan as {classes}. Research use only: not a medical device, not for diagnosis or triage.

## This release

| | |
|---|---|
| bundle | {version} |
| network | `{network}` on a grid of {grid} voxels (R, A, S) |
| region, window | `{region}`; level {level:g}, width {width:g} HU |
| trained on | {scans}; datalist {datalist} |
| calibration | {calibration} |
| weights | `models/model.pt`, SHA-256 `{sha256}` |

{metrics}
## Ask it

    python -m pip install --requirement requirements.txt
    python -m monai.bundle run inference --config_file configs/inference.json \\
        --ckpt_path models/model.pt --scans scan.nii.gz --output_dir ANSWERS

or from Python, in this folder:

    from scripts import Predictor
    answer = Predictor("models/model.pt")("scan.nii.gz", explain=True)
    answer.probabilities, answer.flags

[docs/README.md](docs/README.md) is the model card of the bundle that it was made with.
"""


def release_card(name: str, version: str, described: ModelFile, metrics: Mapping[str, Any] | None) -> str:
    """Return the README of a release.

    Args:
        name: of the release.
        version: of the bundle.
        described: the model file, with the hash of the weights.
        metrics: of an evaluation of these weights, see :func:`metrics_of`.
    """
    taught, fitted = described.taught_by, described.calibration
    known = taught and f"{len(taught.training)} scans, selected on {len(taught.validation)}"
    *first, last = described.classes
    datalist = f"SHA-256 `{described.datalist_sha256[:16]}...`" if described.datalist_sha256 else "not told"
    text = CARD.format(
        name=name,
        version=version,
        classes=f"{', '.join(first)} or {last}",
        network=described.network.target,
        grid=" x ".join(map(str, described.spatial_shape)),
        region=described.region.target,
        level=described.window[0],
        width=described.window[1],
        scans=known or "scans that it does not tell",
        datalist=datalist,
        calibration="none" if fitted is None else f"temperature {fitted.temperature:.3f}",
        sha256=described.weights_sha256,
        metrics=_metrics(metrics),
    )
    return f"---\n{yaml.safe_dump(HEAD, sort_keys=False)}---\n\n{text}"


def metrics_of(ckpt_path: str | Path, weights_sha256: str) -> dict[str, Any] | None:
    """Return the metrics.json beside a checkpoint, where an evaluation of these very weights wrote it."""
    folder = Path(ckpt_path).parent
    try:
        said = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if said.get("checkpoint_sha256") == weights_sha256 else None


def held_links(text: str, place: str, files: Collection[str]) -> str:
    """Return Markdown whose relative links hold among these files; one that does not keeps its words alone.

    Args:
        text: of the page.
        place: of the page, relative to the release.
        files: of the release, relative to it.
    """
    folders = {posixpath.dirname(file) for file in files}

    def held(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place), link[2]))
        is_held = ":" in link[2] or target in files or target in folders
        return link[0] if is_held else link[1]

    return LINK.sub(held, text)


def _metrics(metrics: Mapping[str, Any] | None) -> str:
    if metrics is None:
        return "No evaluation of these weights came with them.\n"
    rows = [
        f"| {name.replace('_', ' ')} | {_value(metrics[name])} |"
        for name in SHOWN
        if isinstance(metrics.get(name), Mapping) and metrics[name].get("value") is not None
    ]
    told = f"{metrics['scans']} scans of {metrics['patients']} patients that neither trained nor selected it"
    return "\n".join([f"On {told}:", "", "| metric | value (95 % interval) |", "|---|---|", *rows, "", ""])


def _value(metric: Mapping[str, Any]) -> str:
    interval = metric.get("interval_95_percent")
    shown = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    return f"{metric['value']:.3f}{shown}"
