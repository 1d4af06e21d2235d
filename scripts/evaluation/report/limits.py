"""What the figures of a report do not show."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["limits_of"]

FEW = 30  # scans of a class: below, its figures are called uncertain


def limits_of(content: Mapping[str, Any]) -> list[str]:
    """Return the limits that hold for this run.

    Args:
        content: of the report.
    """
    sets, names = content["sets"], content["class_names"]
    first = next(iter(sets.values()))
    limits = ["Research use only; not a medical device."]
    if "phantom" in first["sources"]:
        limits.append("These scans are computed phantoms: no figure here has any clinical meaning.")
    counts = [sum(row) for row in first["metrics"]["confusion_matrix"]["counts"]]
    limits += [
        f"{name}: only {count} scans are reported; its figures are uncertain, see the intervals."
        for name, count in zip(names, counts, strict=True)
        if count < FEW
    ]
    limits.append(_prior(content["training_prior"], names))
    if any(each["metrics"]["three_class_accuracy"] == 1 for each in sets.values()):
        limits.append(
            "Where every scan is right the bootstrap interval has no width; by the rule of three the error "
            "may still be 3 divided by the number of patients."
        )
    if not any(name.startswith("external_") for name in sets):
        limits.append(
            "No external set: shortcuts of the source (scanner, spacing) cannot be told from disease."
        )
    limits.append("The intervals cover the choice of patients, not that of seeds or hyperparameters.")
    return limits


def _prior(shares: Sequence[float] | None, names: Sequence[str]) -> str:
    if shares is None:
        return "The run does not record the class shares of its training batches: the list's are assumed."
    batches = ", ".join(f"{share:.0%} {name}" for share, name in zip(shares, names, strict=True))
    return (
        f"The network was trained on batches of {batches}; its probabilities assume these shares until they "
        f"are corrected to a stated prior."
    )
