"""Scans a second of two networks, forward and in training: ``python -m scripts network-benchmark``.

Plain eager float32 stands beside what the configs do: on a GPU channels-last, TF32, then half precision and
``torch.compile``; on a CPU the layout alone can differ. Inputs are random grids of the papers' sizes.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence

import torch
from torch import nn

from scripts.networks import da_ca_resnet18, pa_66_m, place_network

from .stopwatch import seconds

__all__ = ["main"]

NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "PA-66-M": (pa_66_m, (96, 96, 96)),
    "DA+CA-ResNet18": (da_ca_resnet18, (224, 224, 64)),
}
VARIANTS = {
    "cpu": ("eager float32", "channels-last"),
    "cuda": ("eager float32", "channels-last, TF32", "the same, half precision", "the same, compiled"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a Markdown table, a row for each network and variant."""
    parser = argparse.ArgumentParser(prog="python -m scripts network-benchmark", description=__doc__)
    parser.add_argument("--batch_size", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="timed runs; the median is printed")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    print(f"{name}; torch {torch.__version__}; batches of {options.batch_size}; scans a second\n")
    print("| network | grid | variant | forward | training step |\n|---|---|---|---|---|")
    for title, (build, shape) in NETWORKS.items():
        grid = " x ".join(map(str, shape))
        for variant in VARIANTS[device.type]:
            network = _prepared(build(), variant, device)
            image = torch.rand(options.batch_size, 1, *shape, device=device)
            half = "half" in variant
            rates = (
                options.batch_size / _median_seconds(work, network, image, half, options.repeats)
                for work in (_forward, _training_step)
            )
            print(
                f"| {title} | {grid} | {variant} | " + " | ".join(f"{rate:.3g}" for rate in rates) + " |",
                flush=True,
            )


def _prepared(network: nn.Module, variant: str, device: torch.device) -> nn.Module:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if variant == "eager float32":
        return network.to(device)
    if device.type == "cpu":
        return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    network = place_network(network, device)
    if "compiled" in variant:
        network.compile()
    return network


def _forward(network: nn.Module, image: torch.Tensor) -> None:
    network.eval()
    with torch.inference_mode():
        network(image)


def _training_step(network: nn.Module, image: torch.Tensor) -> None:
    network.train()
    logits = network(image)
    parts = [logits] if isinstance(logits, torch.Tensor) else logits
    torch.stack([part.float().square().sum() for part in parts]).sum().backward()
    torch.optim.SGD(network.parameters(), lr=1e-6).step()
    network.zero_grad()


def _median_seconds(
    work: Callable[[nn.Module, torch.Tensor], None],
    network: nn.Module,
    image: torch.Tensor,
    half: bool,
    repeats: int,
) -> float:
    """Return the median time of a run, after one that is not counted (it compiles and allocates)."""

    def run() -> None:
        with torch.autocast(image.device.type, torch.float16, enabled=half):
            work(network, image)

    return statistics.median([seconds(run, image.device) for _ in range(repeats + 1)][1:])


if __name__ == "__main__":
    main()
