"""A probe for other scans than it was fitted on, by what they look like without labels."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression

from scripts.errors import UserError

from .embedding import Features
from .probe import LinearProbe, fit_probe, scan_weights

__all__ = [
    "ADAPTATIONS",
    "adapted_probe",
    "check_adaptation",
    "coral",
    "domain_directions",
    "probe_without_directions",
    "recalibrate",
    "recentre",
    "without_directions",
]

DOMAIN_STRENGTH = 1e-3  # scikit-learn's C of the classifier that tells the domains apart
WIDEST = 50.0  # logits: no stated share needs more
FEWEST_SCANS = 10  # that a probe is adapted to: their mean is of nobody, with fewer
SMALLEST_SHRINKAGE = 1e-6  # of a covariance: none would divide by zero


Fit = Callable[[np.ndarray], LinearProbe]  # features of the source, (N, C), -> probe


def recentre(probe: LinearProbe, target: np.ndarray) -> LinearProbe:
    """Take the mean of the target's scans for the zero of the features.

    It is right where the classes have the same shares there as in training.

    Args:
        probe: fitted on the source.
        target: features, ``(M, C)``, without labels.
    """
    return replace(probe, mean=target.mean(0))


def domain_directions(source: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    """Return the directions that tell the two kinds of scans apart best, one after another.

    Iterative null-space projection (Ravfogel et al., ACL 2020): a linear classifier of source against target
    gives a direction, which is taken out of both before the next is sought.

    Args:
        source: standardised features, ``(N, C)``.
        target: standardised in the same way, ``(M, C)``.
        count: how many.

    Returns:
        ``(count, C)``, orthonormal.

    Raises:
        UserError: there are not that many directions.
    """
    if not 0 <= count < min(source.shape[1], len(source) + len(target)):
        raise UserError(f"count={count} directions of {source.shape[1]} features and {len(target)} scans")
    domain = np.repeat([0, 1], [len(source), len(target)])
    values = np.concatenate([source, target])
    found = np.zeros((0, source.shape[1]))
    for _ in range(count):
        model = LogisticRegression(C=DOMAIN_STRENGTH, class_weight="balanced", max_iter=5000, tol=1e-8)
        rest = values - values @ found.T @ found
        direction = model.fit(rest, domain).coef_[0]
        found = np.concatenate([found, direction[None] / np.linalg.norm(direction)])
    return found


def without_directions(standard: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Take directions out of standardised features, or out of the weights of a probe: it is the same.

    Args:
        standard: ``(N, C)``.
        directions: ``(D, C)``, orthonormal.
    """
    return standard - standard @ directions.T @ directions


def probe_without_directions(fit: Fit, source: np.ndarray, target: np.ndarray, count: int) -> LinearProbe:
    """Fit a probe to what is left without the directions that tell source from target best.

    Args:
        fit: from the source's features to a probe.
        source: features, ``(N, C)``.
        target: features, ``(M, C)``, without labels.
        count: how many directions to take out.

    Returns:
        A probe of plain features: the directions are taken out of its weights.
    """
    unit = fit(source)
    standard = unit.standardised(source)
    directions = domain_directions(standard, unit.standardised(target), count)
    left = fit(without_directions(standard, directions))
    weight = left.weight / left.scale
    bias = left.bias - weight @ left.mean
    return replace(unit, weight=without_directions(weight, directions), bias=bias)


def coral(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    r"""Give source features the target's mean and covariance; a probe fitted on them is for the target.

    Correlation alignment (Sun et al., AAAI 2016):
    :math:`f' = (f - \mu_s) C_s^{-1/2} C_t^{1/2} + \mu_t`, with covariances shrunk as by Ledoit and Wolf.

    Args:
        source: features, ``(N, C)``.
        target: features, ``(M, C)``, without labels.
    """
    whiten, colour = _root(source, -0.5), _root(target, 0.5)
    return colour(whiten(source - source.mean(0))) + target.mean(0)


def recalibrate(probe: LinearProbe, target: np.ndarray, ill: float, temperature: float = 1.0) -> LinearProbe:
    """Move the threshold between class 0 and the others so that the stated share is ill on average.

    Args:
        probe: of any fit.
        target: features, ``(M, C)``, without labels.
        ill: share of the scans that are not of class 0, as far as it is known, 0 to 1.
        temperature: that the logits are divided by afterwards, where they are calibrated.

    Raises:
        UserError: the share is not between 0 and 1.
    """
    if not 0 < ill < 1:
        raise UserError(f"ill={ill} is not a share between 0 and 1")
    logits = probe.logits(target)

    def surplus(shift: float) -> float:
        moved = logits + np.where(np.arange(logits.shape[1]) == 0, shift, 0.0)
        return float(1 - softmax(moved / temperature, axis=1)[:, 0].mean() - ill)

    bias = probe.bias.copy()
    bias[0] += brentq(surplus, -WIDEST * max(temperature, 1.0), WIDEST * max(temperature, 1.0))
    return replace(probe, bias=bias)


def _root(values: np.ndarray, power: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the product with a power of the shrunk covariance of features, ``(N, C)`` to the same."""
    centred = values - values.mean(0)
    shrinkage = ledoit_wolf_shrinkage(centred, assume_centered=True)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    floor = max(shrinkage, SMALLEST_SHRINKAGE) * (centred**2).mean()
    gains = ((1 - shrinkage) * lengths**2 / len(values) + floor) ** power
    rest = floor**power
    return lambda x: rest * x + ((x @ directions.T) * (gains - rest)) @ directions


ADAPTATIONS: dict[str, Callable[[Fit, np.ndarray, np.ndarray], LinearProbe]] = {
    "none": lambda fit, source, target: fit(source),
    "recentre": lambda fit, source, target: recentre(fit(source), target),
    "1 direction": lambda fit, source, target: probe_without_directions(fit, source, target, 1),
    "2 directions": lambda fit, source, target: probe_without_directions(fit, source, target, 2),
    "4 directions": lambda fit, source, target: probe_without_directions(fit, source, target, 4),
    "coral": lambda fit, source, target: fit(coral(source, target)),
}


def check_adaptation(adaptation: str | None, ill: float | None = None) -> str:
    """Return the name of an adaptation.

    Raises:
        UserError: there is none of this name, or the stated share is not between 0 and 1.
    """
    if adaptation not in ADAPTATIONS:
        raise UserError(
            f"adaptation={adaptation!r}; expected one of {', '.join(map(repr, ADAPTATIONS))}: choose it on "
            f"scans that are not reported (docs/encoder.md)"
        )
    if ill is not None and not 0 < ill < 1:
        raise UserError(f"ill={ill} is not a share between 0 and 1")
    return adaptation


def adapted_probe(
    source: Features,
    target: np.ndarray,
    strength: float,
    classes: int,
    adaptation: str,
    ill: float | None = None,
    temperature: float = 1.0,
) -> LinearProbe:
    """Fit a probe to labelled scans, and adapt it to others.

    Args:
        source: labelled.
        target: features, ``(M, C)``, without labels.
        strength: scikit-learn's C.
        classes: K.
        adaptation: one of :data:`ADAPTATIONS`.
        ill: see :func:`recalibrate`; None leaves the threshold.
        temperature: see :func:`recalibrate`.

    Raises:
        UserError: as :func:`check_adaptation`; or the target has fewer than ten scans.
    """
    check_adaptation(adaptation, ill)
    if len(target) < FEWEST_SCANS:
        raise UserError(f"{len(target)} scans to adapt to; {FEWEST_SCANS} are needed at least")
    weights = scan_weights(source.labels, source.source)
    adapted = ADAPTATIONS[adaptation](
        lambda values: fit_probe(values, source.labels, weights, strength, classes), source.values, target
    )
    return adapted if ill is None else recalibrate(adapted, target, ill, temperature)
