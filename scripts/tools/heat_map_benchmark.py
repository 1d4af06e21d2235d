"""What a heat map costs beside the prediction: ``python -m scripts heat-map-benchmark``.

Seconds of network time for a batch of random grids: the plain prediction, the heat map of the network's
default method, and where there is depth attention the slice gates, which overlays show. Reading and writing
are left out. Weights are random, as time does not depend on them.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence

import torch

from scripts.explanation import default_method, explain, slice_curve
from scripts.networks import (
    MultiTaskNetwork,
    SingleTaskNetwork,
    VideoResNet,
    da_ca_resnet18,
    pa_66_m,
    place_network,
    sa_66_m,
    wa_66,
    wa_66_m,
)

from .stopwatch import seconds

__all__ = ["main"]

Network = MultiTaskNetwork | SingleTaskNetwork | VideoResNet
PRESETS: dict[str, Callable[..., Network]] = {
    preset.__name__: preset for preset in (pa_66_m, sa_66_m, wa_66_m, wa_66, da_ca_resnet18)
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a Markdown table, a row for each network."""
    parser = argparse.ArgumentParser(prog="python -m scripts heat-map-benchmark", description=__doc__)
    parser.add_argument("--preset", nargs="+", default=["pa_66_m", "da_ca_resnet18"], choices=PRESETS)
    parser.add_argument(
        "--spatial_shape", nargs=3, type=int, metavar=("R", "A", "S"), help="of the grid; else the paper's"
    )
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="timed runs; the medians are printed")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{device.type}, {torch.get_num_threads()} threads; batches of {options.batch_size}; seconds\n")
    print("| network | grid | prediction | heat map | slice gates | times a prediction |")
    print("|---|---|---|---|---|---|")
    grid = {"spatial_shape": options.spatial_shape} if options.spatial_shape else {}
    for name in options.preset:
        network = PRESETS[name](**grid).eval()
        place_network(network, device)
        shape = network.spatial_shape
        x = torch.rand(options.batch_size, 1, *shape, device=device)
        prediction, heat_map, gates = _median_seconds(network, x, options.repeats)
        times = " | ".join(f"{each:.3g}" for each in (prediction, heat_map, gates))
        ratio = (heat_map + gates) / prediction
        print(f"| {name} | {' x '.join(map(str, shape))} | {times} | {ratio:.2f} |", flush=True)


def _median_seconds(network: Network, x: torch.Tensor, repeats: int) -> list[float]:
    """Return the time of a prediction, of a heat map, and of the slice gates (0 where there are none)."""
    method, classes = default_method(network), torch.zeros(len(x), dtype=torch.long, device=x.device)
    works: list[Callable[[], object]] = [lambda: network(x), lambda: explain(method, x, classes)]
    if slice_curve(network, x) is not None:
        works.append(lambda: slice_curve(network, x))
    rounds = []
    with torch.no_grad():
        for _ in range(repeats + 1):  # in turn, so that a busy moment of the machine strikes all alike
            rounds.append([seconds(work, x.device) for work in works])
    medians = [statistics.median(times) for times in zip(*rounds[1:], strict=True)]
    return [*medians, 0.0][:3]


if __name__ == "__main__":
    main()
