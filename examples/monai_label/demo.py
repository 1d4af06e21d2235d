r"""Start MONAI Label on this machine's loopback, ask it about one scan, print its answers, and stop it.

python examples/monai_label/demo.py --scan SCAN.nii.gz --work_dir DIR \
    [--ckpt_path model.pt] [--lobe_ckpt_path lobe_model.pt] [--answers predictions.csv]

Run it by the Python of MONAI Label's own environment. Each checkpoint has its model file beside it. Without a
checkpoint the weights are random: then the demo shows that the parts talk to each other, not what a trained
network says. With the answers of ``run inference`` for the same scan, it fails where the server's
probabilities differ from them.
"""

import argparse
import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import monailabel
import torch

ROOT = Path(__file__).resolve().parents[2]
STOCK_APP = Path(sys.prefix, "monailabel", "sample-apps", "monaibundle")
CLASSIFIER = "chest_ct_classification"  # the stock app tells the kind of task by the name's ending
START_WITHIN, ANSWER_WITHIN = 240, 240  # seconds
TOLERANCE = 1e-4  # of a probability
HOST = "127.0.0.1"


def stage_bundle(folder: Path, options: argparse.Namespace) -> None:
    """Lay out the bundle as a release has it: scripts, weights in models/, configs that fit them."""
    from scripts.checkpoints import ModelFile, describe, model_file_path, read_configs
    from scripts.delivery.resolved import config_of_model, resolved_metadata, resolved_text

    (folder / "models").mkdir(parents=True)
    (folder / "scripts").symlink_to(ROOT / "scripts")
    shutil.copytree(ROOT / "configs", folder / "configs")
    stages = (
        ("inference", options.ckpt_path, "model.pt"),
        ("inference_lobes", options.lobe_ckpt_path, "lobe_model.pt"),
    )
    for config, checkpoint, name in stages:
        weights = folder / "models" / name
        if checkpoint:
            shutil.copy(checkpoint, weights)
            shutil.copy(model_file_path(checkpoint), model_file_path(weights))
        else:
            torch.manual_seed(0)
            parser = read_configs([ROOT / "configs" / f"{config}.yaml"])
            torch.save(parser.get_parsed_content("network_def").state_dict(), weights)
            describe(parser).write(weights)
        described = ModelFile.of(weights)
        parser = config_of_model(config, described)
        text = resolved_text(parser, resolved_metadata(parser, described))
        (folder / "configs" / f"{config}.json").write_text(text)


@contextlib.contextmanager
def server(app: Path, studies: Path, conf: dict[str, str], log: Path, port: int) -> Iterator[str]:
    """Run MONAI Label until the block ends; give its address."""
    settings = [part for item in conf.items() for part in ("--conf", *item)]
    command = [
        sys.executable,
        str(Path(__file__).with_name("start_server.py")),
        "start_server",
        "--app",
        str(app),
        "--studies",
        str(studies),
    ]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--host", HOST, "--port", str(port), *settings],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=os.environ
            | {"PYTHONPATH": str(Path(monailabel.__file__).parents[1]), "MONAI_LABEL_AUTH_ENABLE": "false"},
        )
    try:
        address = f"http://{HOST}:{port}"
        give_up = time.monotonic() + START_WITHIN
        while True:
            try:
                ask(f"{address}/info/", None)
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() > give_up:
                    raise SystemExit(f"error: MONAI Label did not start; see {log}") from None
                time.sleep(1)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def ask(address: str, parameters: dict[str, str] | None) -> Any:
    """Ask and return the JSON answer; parameters make it a POST."""
    body = None if parameters is None else urllib.parse.urlencode(parameters).encode()
    with urllib.request.urlopen(urllib.request.Request(address, body), timeout=ANSWER_WITHIN) as reply:
        return json.loads(reply.read())


def classify(address: str, model: str, scan: str) -> list[dict[str, Any]]:
    """Ask a classifier about a scan of the studies; return its classes with their scores."""
    query = urllib.parse.urlencode({"image": scan, "output": "json"})
    return ask(f"{address}/infer/{model}?{query}", {"params": json.dumps({"device": "cpu"})})["prediction"]


def segment(address: str, model: str, scan: str, to: Path) -> None:
    """Ask a segmenter about a scan of the studies; write its label map."""
    query = urllib.parse.urlencode({"image": scan, "output": "image"})
    body = urllib.parse.urlencode({"params": json.dumps({"device": "cpu"})}).encode()
    with urllib.request.urlopen(f"{address}/infer/{model}?{query}", body, timeout=ANSWER_WITHIN) as reply:
        to.write_bytes(reply.read())


def main() -> None:
    """Serve with the stock app, then with the one beside this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scan", type=Path, required=True, help="NIfTI")
    parser.add_argument("--work_dir", type=Path, required=True)
    parser.add_argument("--ckpt_path", type=Path, help="of the classifier; random weights without it")
    parser.add_argument("--lobe_ckpt_path", type=Path, help="of the lobe network; random weights without it")
    parser.add_argument("--answers", type=Path, help="predictions.csv of `run inference` for this scan")
    parser.add_argument("--port", type=int, default=8123)
    options = parser.parse_args()
    work = options.work_dir.resolve()
    stock = work / "stock_app"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(STOCK_APP, stock)
    bundle = stock / "model" / CLASSIFIER
    sys.path.insert(0, str(ROOT))
    stage_bundle(bundle, options)
    studies = work / "studies"
    studies.mkdir()
    shutil.copy(options.scan, studies / "scan.nii.gz")
    conf = {"models": CLASSIFIER, "zoo_source": "ngc", "sam2": "false", "skip_trainers": "true"}
    with server(stock, studies, conf, work / "stock_app.log", options.port) as address:
        report_classes("stock app", classify(address, CLASSIFIER, "scan"), options.answers)
    with server(
        Path(__file__).parent, studies, {"bundle": str(bundle)}, work / "own_app.log", options.port + 1
    ) as address:
        models = sorted(ask(f"{address}/info/", None)["models"])
        print(f"own app serves: {', '.join(models)}")
        if "classification" in models:
            report_classes("own app", classify(address, "classification", "scan"), options.answers)
        if "lobe_segmentation" in models:
            segment(address, "lobe_segmentation", "scan", work / "lobes.nii.gz")
            report_lobes(work / "lobes.nii.gz", options.scan)


def report_classes(who: str, classes: list[dict[str, Any]], answers: Path | None) -> None:
    """Print a classifier's answer in one line; stop where it is not the answer of ``run inference``."""
    print(f"{who}: " + ", ".join(f"{one['label']} {one['score']:.4f}" for one in classes))
    if answers is None:
        return
    with answers.open(newline="") as file:
        (row,) = csv.DictReader(file)
    expected = [float(value) for column, value in row.items() if column.startswith("prob_")]
    differences = [abs(one["score"] - value) for one, value in zip(classes, expected, strict=True)]
    if max(differences) > TOLERANCE:
        raise SystemExit(f"error: {who} differs from {answers} by {max(differences):.2g}")


def report_lobes(path: Path, scan: Path) -> None:
    """Print the voxels of each label; stop where the map does not lie on the scan's voxels."""
    import nibabel
    import numpy as np

    image: Any = nibabel.load(path)
    own = nibabel.load(scan)
    if image.shape != own.shape or not np.allclose(image.affine, own.affine, atol=1e-3):
        raise SystemExit(f"error: {path}: shape {image.shape}, not on the scan's voxels {own.shape}")
    counts = np.bincount(np.asarray(image.dataobj).astype(int).ravel(), minlength=6)[1:].tolist()
    print(f"own app: lobes 1 to 5 have {counts} voxels; shape {image.shape}, as the scan")


if __name__ == "__main__":
    main()
