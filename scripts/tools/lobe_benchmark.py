"""From a file to lobes on the scan's voxels, side by side: ``python -m scripts lobes-benchmark [--runs 3]``.

Our path, and the chain that a good user of MONAI would write: Spacingd, SlidingWindowInferer, Invertd of the
probabilities, KeepLargestConnectedComponent. Both run the same network; its weights are random, as time does
not depend on them. The scan is a phantom; each run is a process of its own. Times start after the imports,
and peak memory is what the work adds to them.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import torch
from monai.data import decollate_batch, list_data_collate
from monai.inferers import SlidingWindowInferer
from monai.transforms import (
    Activationsd,
    AsDiscreted,
    Compose,
    Invertd,
    KeepLargestConnectedComponentd,
    LoadImaged,
    Orientationd,
    ScaleIntensityRanged,
    Spacingd,
)

from scripts import bundle_root
from scripts.checkpoints import ModelFile, build_network, describe, read_configs
from scripts.files import write_nifti, write_whole
from scripts.lobes import LobeSegmenter, LobeUNet
from scripts.networks import read_state_dict
from scripts.phantoms import draw_phantom
from scripts.scans import read_checked_scan

from .stopwatch import in_a_process, seconds_and_peak

__all__ = ["main"]

TOOL = "lobes-benchmark"
SPACING = 2.0  # mm, of the chain: about that of the network's grid


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of seconds and peak memory."""
    parser = argparse.ArgumentParser(prog="python -m scripts lobes-benchmark", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="processes a path; the median is printed")
    parser.add_argument("--shape", nargs=3, type=int, default=(512, 512, 300), help="voxels of the scan")
    parser.add_argument("--channels", nargs="+", type=int, default=(32, 64, 128, 256), help="of the network")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        name, checkpoint, scan = options.measure
        print(json.dumps(_measured(PATHS[name], checkpoint, scan)))
        return
    with tempfile.TemporaryDirectory() as folder:
        scan, checkpoint = Path(folder) / "scan.nii.gz", Path(folder) / "lobe_model.pt"
        phantom = draw_phantom(0, 2, options.shape)
        write_nifti(scan, nibabel.Nifti1Image(phantom.hounsfield, phantom.affine))
        _save_random_network(checkpoint, options.channels)
        print(f"{' x '.join(map(str, options.shape))}, {torch.get_num_threads()} threads")
        results: dict[str, list[dict[str, float]]] = {name: [] for name in PATHS}
        for _ in range(options.runs):  # in turn, so that a busy moment of the machine slows both alike
            for name in PATHS:
                results[name].append(in_a_process(TOOL, "--measure", name, str(checkpoint), str(scan)))
    print("| path | seconds | without the network | peak MB |\n|---|---|---|---|")
    for name, runs in results.items():
        seconds, network, peak = (
            statistics.median(run[key] for run in runs) for key in ("seconds", "network", "peak_mb")
        )
        print(f"| {name} | {seconds:.2f} | {seconds - network:.2f} | {peak:.0f} |")


def _save_random_network(checkpoint: Path, channels: Sequence[int]) -> None:
    """Save the network of inference_lobes.yaml with random weights, its model file beside it."""
    parser = read_configs([Path(bundle_root(), "configs", "inference_lobes.yaml")])
    parser.update({"network_def::channels": list(channels)})
    torch.manual_seed(0)
    weights = parser.get_parsed_content("network_def").state_dict()
    write_whole(checkpoint, lambda file: torch.save(weights, file))
    describe(parser).write(checkpoint)


def _measured(path: Callable[[str, str], object], checkpoint: str, scan: str) -> dict[str, float]:
    """Return the seconds of a path and of its network's forward passes, and the memory that it added."""
    spent = 0.0
    forward = LobeUNet.forward

    def timed(network: LobeUNet, x: torch.Tensor) -> torch.Tensor:
        nonlocal spent
        begun = time.perf_counter()
        y = forward(network, x)
        spent += time.perf_counter() - begun
        return y

    LobeUNet.forward = timed  # type: ignore[method-assign, assignment]
    whole = seconds_and_peak(lambda: path(checkpoint, scan))
    return {**whole, "network": spent}


def _ours(checkpoint: str, scan: str) -> object:
    return LobeSegmenter(checkpoint).on_scan(read_checked_scan(scan)[0]).labels


@torch.inference_mode()
def _monai_chain(checkpoint: str, scan: str) -> object:
    described = ModelFile.of(checkpoint)
    network = build_network(described.network, read_state_dict(checkpoint))
    before = Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Orientationd("image", axcodes="RAS"),
            Spacingd("image", pixdim=(SPACING,) * 3, mode="bilinear"),
            ScaleIntensityRanged("image", a_min=-1250, a_max=250, b_min=0, b_max=1, clip=True),
        ]
    )
    after = Compose(
        [
            Activationsd("pred", softmax=True),
            Invertd("pred", before, orig_keys="image", nearest_interp=False),
            AsDiscreted("pred", argmax=True),
            KeepLargestConnectedComponentd("pred", applied_labels=range(1, 6)),
        ]
    )
    batch = list_data_collate([before({"image": scan})])
    batch["pred"] = SlidingWindowInferer(described.spatial_shape, overlap=0.25)(batch["image"], network)
    return after(decollate_batch(batch)[0])["pred"]


PATHS: dict[str, Callable[[str, str], object]] = {"ours": _ours, "MONAI chain": _monai_chain}


if __name__ == "__main__":
    main()
