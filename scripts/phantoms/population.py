"""Whom the phantoms are drawn from: every range of the generator, and one patient drawn from them."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from .variations import Variation, Variations

__all__ = ["POPULATIONS", "Patient", "Population", "draw_patient"]

Range = tuple[float, float]


@dataclass(frozen=True)
class Population:
    """The distributions of patients, scanners and lesions; ranges are uniform unless said otherwise.

    The defaults are adults on a diagnostic scanner. A shifted population, for tests of robustness,
    is this class with other numbers: ``Population(warp=(6, 9), noise_sharp=(50, 80))``.
    """

    # body, relative to the reference chest that anatomy.py draws
    width: Range = (0.90, 1.12)
    depth: Range = (0.88, 1.14)
    height: Range = (0.88, 1.12)
    fat: Range = (5, 30)  # mm under the skin
    muscle: Range = (0.8, 1.25)  # thickness of the muscle coat
    age: Range = (22, 88)  # years
    female: float = 0.5  # probability
    warp: Range = (2, 5)  # mm, smooth deformation of everything inside
    # heart, diaphragm, fissures
    heart: Range = (0.88, 1.15)
    dome_height: Range = (-16, 12)  # mm, depth of inspiration
    dome_difference: Range = (4, 20)  # mm, right dome above left
    oblique_height: Range = (-12, 12)  # mm
    oblique_slope: Range = (0.95, 1.3)  # mm down for each mm forward
    horizontal_height: Range = (-12, 10)  # mm
    fissure_bend: Range = (4, 12)  # mm, curvature and waves of the fissures
    # lung tissue and the distractors that any class may have
    parenchyma: Range = (-885, -825)  # HU at mid-chest
    gravity: Range = (0.25, 0.65)  # HU denser per mm towards the back
    vessel_calibre: Range = (0.85, 1.3)
    contrast: float = 0.3  # probability of contrast medium
    contrast_blood: Range = (110, 260)  # HU
    dependent: float = 0.4  # probability of dependent density
    most_nodules: int = 4
    # scanner
    matrix: tuple[int, ...] = (192, 208, 224, 240, 256)  # in-plane voxels
    slice_spacing: tuple[float, ...] = (2.0, 2.5, 3.0, 3.75, 5.0)  # mm
    field: Range = (340, 440)  # mm, diameter reconstructed
    sharp: float = 0.4  # probability of a sharp kernel
    noise_soft: Range = (7, 16)  # HU, standard deviation
    noise_sharp: Range = (20, 42)
    circular: float = 0.4  # probability of padding outside the reconstructed circle
    cropped: float = 0.25  # probability of a field cropped to the body
    paddings: tuple[int, ...] = (-1024, -2000, -2048, -3024)  # HU
    orientations: tuple[str, ...] = ("LPS", "LPS", "RAS", "LAS", "LPI", "ALS", "SPL")
    # lesions: which severities, with equal odds; each one's share of the lung volume
    severities: tuple[str, ...] = ("mild", "moderate", "severe")
    mild: Range = (0.015, 0.05)
    moderate: Range = (0.05, 0.20)
    severe: Range = (0.20, 0.40)
    ground_glass: Range = (-650, -380)  # HU
    consolidation: Range = (-40, 40)  # HU
    reticulation: Range = (-720, -600)  # HU between the lines
    honeycomb: Range = (6.0, 9.0)  # mm, size of a cyst
    variations: Variations = dataclasses.field(default_factory=Variations)  # gas, fluid, arms, breathing


@dataclass(frozen=True)
class Patient:
    """One patient's numbers, as :class:`Population` names them; ``scale`` is right, anterior, superior."""

    scale: tuple[float, float, float]
    fat: float
    muscle: float
    age: int
    sex: str
    warp: float
    heart: float
    dome_height: float
    dome_difference: float
    oblique_height: tuple[float, float]
    oblique_slope: tuple[float, float]
    horizontal_height: float
    fissure_bend: float
    parenchyma: float
    gravity: float
    vessel_calibre: float
    blood: float
    dependent: float
    nodules: int
    rib_phase: float
    variation: Variation = dataclasses.field(default_factory=Variation)


def draw_patient(random: np.random.Generator, population: Population) -> Patient:
    """Draw one patient; whatever the class will be, it is not known here.

    Args:
        random: the patient's own stream.
        population: the ranges.

    Returns:
        The patient. Women are a little smaller; ``oblique_*`` are left, right.
    """
    p = population

    def draw(span: Range) -> float:
        return float(random.uniform(*span))

    sex = "F" if random.random() < p.female else "M"
    small = 0.96 if sex == "F" else 1.03
    return Patient(
        scale=(small * draw(p.width), small * draw(p.depth), small * draw(p.height)),
        fat=draw(p.fat),
        muscle=small * draw(p.muscle),
        age=round(draw(p.age)),
        sex=sex,
        warp=draw(p.warp),
        heart=draw(p.heart),
        dome_height=draw(p.dome_height),
        dome_difference=draw(p.dome_difference),
        oblique_height=(draw(p.oblique_height), draw(p.oblique_height)),
        oblique_slope=(draw(p.oblique_slope), draw(p.oblique_slope)),
        horizontal_height=draw(p.horizontal_height),
        fissure_bend=draw(p.fissure_bend),
        parenchyma=draw(p.parenchyma),
        gravity=draw(p.gravity),
        vessel_calibre=draw(p.vessel_calibre),
        blood=draw(p.contrast_blood) if random.random() < p.contrast else draw((35, 48)),
        dependent=draw((60, 200)) if random.random() < p.dependent else 0.0,
        nodules=int(random.integers(p.most_nodules + 1)),
        rib_phase=draw((0, 1)),
    )


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
