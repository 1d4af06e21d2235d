"""Populations by name."""

from .population import Population

__all__ = ["POPULATIONS"]

POPULATIONS = {
    "adults": Population(),
    # chests, breaths and above all fissures of more kinds, so that no place in the chest tells the lobe: to
    # train a lobe network; it reaches as far as `shifted`, which is one corner of it
    "fissures": Population(
        width=(0.88, 1.2), depth=(0.8, 1.16), height=(0.8, 1.14), warp=(2, 9), heart=(0.88, 1.3),
        dome_height=(-28, 14), dome_difference=(2, 30), oblique_height=(-26, 26), oblique_slope=(0.65, 1.5),
        horizontal_height=(-28, 20), fissure_bend=(0, 20), parenchyma=(-890, -780), gravity=(0.2, 0.9),
        noise_soft=(5, 30), noise_sharp=(20, 70), severities=("moderate", "severe"),
    ),
    # outside the ranges of adults in most of it, noisier and all severely ill: to test, never to train
    "shifted": Population(
        width=(1.12, 1.2), depth=(0.8, 0.88), height=(0.8, 0.88), warp=(5, 9), heart=(1.15, 1.3),
        dome_height=(-28, -12), dome_difference=(18, 30), oblique_height=(10, 24), oblique_slope=(0.7, 0.95),
        horizontal_height=(-26, -10), fissure_bend=(12, 20), parenchyma=(-815, -780), gravity=(0.6, 0.9),
        noise_soft=(18, 30), noise_sharp=(45, 70), severities=("severe",),
    ),
}  # fmt: skip
