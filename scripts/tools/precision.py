"""What half precision changes in the probabilities: ``python -m scripts precision CKPT SCANS...``.

Runs PA-66-M in float32 and under automatic mixed precision over the same scans, and prints how far the
probabilities move apart. On a GPU with float16, as ``recipe_amp`` trains; on a CPU with bfloat16.
"""

import argparse
from collections.abc import Sequence

import torch

from scripts.networks import load_weights, pa_66_m, place_network
from scripts.scans import scan_items
from scripts.transforms import LungRegion, ScanDataset, preprocessing

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how many predictions change, and the mean and largest change of a probability."""
    parser = argparse.ArgumentParser(prog="python -m scripts precision", description=__doc__)
    parser.add_argument("checkpoint", help="model.pt of a PA-66-M")
    parser.add_argument("scans", nargs="+", help="files and folders")
    parser.add_argument("--spatial_shape", type=int, nargs=3, default=(96, 96, 96), metavar=("R", "A", "S"))
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    network = pa_66_m(spatial_shape=options.spatial_shape)
    load_weights(network, options.checkpoint)
    place_network(network, device).eval()
    scans = ScanDataset(scan_items(options.scans), preprocessing(LungRegion(), options.spatial_shape))
    grids = [scans[index]["image"] for index in range(len(scans))]
    single, mixed = (
        torch.cat([_probabilities(network, grid, device, half, enabled) for grid in grids])
        for enabled in (False, True)
    )
    change = (mixed - single).abs()
    moved = int((mixed.argmax(1) != single.argmax(1)).sum())
    print(
        f"{device.type}, {half}: {len(scans)} scans, {moved} predictions change; a probability changes by "
        f"{change.mean():.2g} on average, by {change.max():.2g} at most"
    )


@torch.inference_mode()
def _probabilities(
    network: torch.nn.Module, image: torch.Tensor, device: torch.device, half: torch.dtype, enabled: bool
) -> torch.Tensor:
    grid = image.as_subclass(torch.Tensor)[None].to(device)
    with torch.autocast(device.type, half, enabled=enabled):
        logits = network(grid)
    return logits.float().softmax(dim=1).cpu()


if __name__ == "__main__":
    main()
