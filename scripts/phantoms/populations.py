"""Populations by name."""

from .population import Population

__all__ = ["POPULATIONS"]

POPULATIONS = {
    "adults": Population(),
    # outside the ranges of adults in most of it, noisier and all severely ill: to test, never to train
    "shifted": Population(
        width=(1.12, 1.2), depth=(0.8, 0.88), height=(0.8, 0.88), warp=(5, 9), heart=(1.15, 1.3),
        dome_height=(-28, -12), dome_difference=(18, 30), oblique_height=(10, 24), oblique_slope=(0.7, 0.95),
        horizontal_height=(-26, -10), fissure_bend=(12, 20), parenchyma=(-815, -780), gravity=(0.6, 0.9),
        noise_soft=(18, 30), noise_sharp=(45, 70), severities=("severe",),
    ),
}  # fmt: skip
