"""Who made a DICOM object: this bundle, at a version, with these weights."""

from dataclasses import dataclass
from typing import Any

from .codes import ARTIFICIAL_INTELLIGENCE, highdicom

__all__ = ["RESEARCH_USE", "Producer", "unknown_algorithm"]

RESEARCH_USE = "Research use only. Not a medical device. Not verified by a physician."
NAME = "Chest CT COVID-19 classification"
MANUFACTURER = "The chest CT COVID-19 bundle developers"


@dataclass(frozen=True)
class Producer:
    """The software that gave an answer.

    Attributes:
        version: of the bundle.
        weights: SHA-256 of the checkpoint; "" where no network took part.
        network: its name, such as ``"MultiTaskNetwork"``; "" where none took part.
    """

    version: str
    weights: str = ""
    network: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """What names the weights: keys and values short enough for DICOM."""
        named = {"network": self.network, "weights SHA-256": self.weights}
        return {key: value for key, value in named.items() if value}

    def equipment(self) -> dict[str, str]:
        """Return the equipment arguments that highdicom's objects take."""
        return {
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": NAME,
            "software_versions": self.version,
            "device_serial_number": self.weights[:16] or "none",
        }

    def algorithm(self, name: str = NAME) -> Any:
        """Return the algorithm's identification for images and segments."""
        return highdicom().AlgorithmIdentificationSequence(
            name=name,
            family=ARTIFICIAL_INTELLIGENCE.concept(),
            version=self.version,
            source=MANUFACTURER,
            parameters=self.parameters or None,
        )

    def reported_algorithm(self) -> Any:
        """Return the algorithm's identification for structured reports (TID 4019)."""
        return highdicom().sr.AlgorithmIdentification(
            name=NAME,
            version=self.version,
            parameters=[f"{key}: {value}" for key, value in self.parameters.items()] or None,
            family=ARTIFICIAL_INTELLIGENCE.concept(),
            manufacturer=MANUFACTURER,
        )


def unknown_algorithm() -> Any:
    """Return the identification of what made a lobe mask that came with a scan: nobody says what it was."""
    return highdicom().AlgorithmIdentificationSequence(
        name="Lobe mask made elsewhere", family=ARTIFICIAL_INTELLIGENCE.concept(), version="unknown"
    )
