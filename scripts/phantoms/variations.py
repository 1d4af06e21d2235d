"""What people have besides the lesions: gas, fluid, missing and extra air, arms, breathing; rates and sizes.

The published source of each rate and size is in docs/data.md, under "Phantoms".
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

__all__ = ["Variation", "Variations", "draw_variation"]

Range = tuple[float, float]
LEFT, RIGHT = -1, 1  # sides, by the sign of the coordinate to the patient's right


@dataclass(frozen=True)
class Variations:
    """How often each variation occurs (``*_rate``, a probability) and how large it is (a uniform range).

    A variation never depends on the class, and is drawn from streams of its own.
    """

    # gas under the diaphragm, in HU and in mm of gut wall and diaphragm between it and the lung
    stomach_gas_rate: float = 0.38
    stomach_gas: Range = (25, 200)  # mL
    colon_gas_rate: float = 0.16  # of the splenic flexure, on the left
    interposed_colon_rate: float = 0.018  # of the hepatic flexure, on the right
    colon_radius: Range = (12, 26)  # mm
    wall: Range = (2.5, 6.0)  # mm
    gas_density: Range = (-1000, -900)  # HU
    # mediastinum
    hernia_rate: float = 0.099
    hernia_radius: Range = (14, 36)  # mm
    oesophageal_air_rate: float = 0.64
    oesophageal_air: Range = (2, 8)  # mm, radius
    # lungs
    emphysema_rate: float = 0.199
    emphysema: Range = (0.05, 0.4)  # share of the upper lungs
    bullae_rate: float = 0.072
    most_bullae: int = 5
    bulla_radius: Range = (5, 35)  # mm
    bronchiectasis_rate: float = 0.092
    bronchiectasis: Range = (1.6, 3.0)  # times the normal calibre, in one lobe
    # pleura
    effusion_rate: float = 0.053
    both_sides: float = 0.5  # probability, of effusions
    effusion: Range = (10, 60)  # mm deep behind the lung's base
    pneumothorax_rate: float = 0.0066
    pneumothorax: Range = (8, 45)  # mm in front
    missing_lung_rate: float = 0.003
    # patient on the table
    breast: Range = (0.8, 1.6)  # times the reference's
    arms_down_rate: float = 0.10
    tilted_table_rate: float = 0.05
    table_tilt: Range = (-10, 10)  # degrees about the axis from side to side
    table_roll: Range = (-4, 4)  # degrees about the axis from head to feet
    motion_rate: float = 0.078
    motion: Range = (4, 14)  # mm, of the diaphragm
    motion_period: Range = (20, 45)  # mm of table travel a breath
    # field of view
    abdomen_rate: float = 0.08  # goes on below the usual end
    abdomen: Range = (20, 75)  # mm
    cut_base_rate: float = 0.05  # ends within the lungs' bases
    cut_base: Range = (40, 75)  # mm above the usual end

    def never(self) -> "Variations":
        """Return the same sizes with every rate at nought."""
        return self._with({f.name: 0.0 for f in fields(self) if f.name.endswith("_rate")})

    def always(self, *names: str) -> "Variations":
        """Return the same with the named variations in everybody, such as ``always("hernia")``."""
        return self._with({f"{name}_rate": 1.0 for name in names})

    def _with(self, changes: dict[str, Any]) -> "Variations":
        return replace(self, **changes)


@dataclass(frozen=True)
class Variation:
    """What one scan of one patient shows; nought, None or empty where there is nothing. Units as above.

    ``stomach_gas`` is a volume in mL; ``colon`` and ``interposed_colon`` are radii, ``effusion`` depths on
    the left and right; ``pneumothorax`` and ``bronchiectasis`` are (side or lobe, size); ``below`` is how far
    the field reaches below its usual end, mm. The seeds place what is there at every visit, and at this one.
    """

    stomach_gas: float = 0.0
    colon: float = 0.0
    interposed_colon: float = 0.0
    wall: float = 6.0
    gas_density: float = -1000.0
    hernia: float = 0.0
    oesophageal_air: float = 0.0
    emphysema: float = 0.0
    bullae: tuple[float, ...] = ()
    bronchiectasis: tuple[int, float] | None = None
    effusion: tuple[float, float] = (0.0, 0.0)
    pneumothorax: tuple[int, float] | None = None
    missing_lung: int = 0
    breast: float = 1.0
    arms_down: bool = False
    table_tilt: tuple[float, float] = (0.0, 0.0)
    motion: tuple[float, float] | None = None
    below: float = 0.0
    chronic_seed: int = 0
    acute_seed: int = 0

    @property
    def touches_diaphragm(self) -> bool:
        """Whether gas lies against the diaphragm, with a thin wall between it and the lung."""
        return bool(self.stomach_gas or self.colon or self.interposed_colon)

    def displaced(self, up: np.ndarray) -> np.ndarray:
        """Return which height of the resting patient a slice at each height shows, mm.

        Breathing moves the diaphragm by ``motion`` while the table travels; the lungs' tops stay at rest.
        """
        if self.motion is None:
            return up
        amplitude, period = self.motion
        share = np.clip((40 - up) / 120, 0, 1)
        return up + 0.5 * amplitude * share * np.sin(2 * np.pi * up / period)


def draw_variation(chronic: np.random.Generator, acute: np.random.Generator, ranges: Variations) -> Variation:
    """Draw what a patient has.

    Args:
        chronic: stream of what is there at every visit.
        acute: stream of what is there at this visit only.
        ranges: rates and sizes.
    """

    def drawn(random: np.random.Generator, name: str, rate: str = "") -> float:
        size, odds = float(random.uniform(*getattr(ranges, name))), random.random()
        return size if odds < getattr(ranges, f"{rate or name}_rate") else 0.0

    def side(random: np.random.Generator) -> int:
        return int(random.choice((LEFT, RIGHT)))

    r = ranges
    bullae = drawn(chronic, "bulla_radius", "bullae")
    sizes = chronic.uniform(0.4, 1.0, r.most_bullae) * bullae
    lobe, calibre = int(chronic.integers(1, 6)), drawn(chronic, "bronchiectasis")
    effusion, one_side, both = drawn(acute, "effusion"), side(acute), acute.random() < r.both_sides
    shares = acute.uniform(0.5, 1.0, 2) * [both or one_side == LEFT, both or one_side == RIGHT]
    pneumothorax, torn = drawn(acute, "pneumothorax"), side(acute)
    tilted = acute.random() < r.tilted_table_rate
    tilt = (float(acute.uniform(*r.table_tilt)), float(acute.uniform(*r.table_roll)))
    motion, period = drawn(acute, "motion"), float(acute.uniform(*r.motion_period))
    missing = side(chronic) if chronic.random() < r.missing_lung_rate else 0
    below = drawn(acute, "abdomen") or -drawn(acute, "cut_base")
    return Variation(
        stomach_gas=drawn(acute, "stomach_gas"),
        colon=drawn(acute, "colon_radius", "colon_gas"),
        interposed_colon=drawn(acute, "colon_radius", "interposed_colon"),
        wall=float(acute.uniform(*r.wall)),
        gas_density=float(acute.uniform(*r.gas_density)),
        hernia=drawn(chronic, "hernia_radius", "hernia"),
        oesophageal_air=drawn(acute, "oesophageal_air"),
        emphysema=drawn(chronic, "emphysema"),
        bullae=tuple(sizes[: chronic.integers(1, r.most_bullae + 1)]) if bullae else (),
        bronchiectasis=(lobe, calibre) if calibre else None,
        effusion=(float(effusion * shares[0]), float(effusion * shares[1])),
        pneumothorax=(torn, pneumothorax) if pneumothorax else None,
        missing_lung=missing,
        breast=float(chronic.uniform(*r.breast)),
        arms_down=bool(acute.random() < r.arms_down_rate),
        table_tilt=tilt if tilted else (0.0, 0.0),
        motion=(motion, period) if motion else None,
        below=below or 0.0,
        chronic_seed=int(chronic.integers(2**32)),
        acute_seed=int(acute.integers(2**32)),
    )
