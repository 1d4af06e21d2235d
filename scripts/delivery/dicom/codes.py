"""The coded words of the DICOM objects, from the standards' dictionaries or marked as private."""

import hashlib
import re
from importlib import import_module
from typing import Any, NamedTuple

from scripts.errors import UserError

__all__ = [
    "ANATOMICAL_STRUCTURE",
    "ANSWER",
    "ARTIFICIAL_INTELLIGENCE",
    "CHEST_CT_REPORT",
    "COMMENT",
    "DEVICE",
    "GRADIENT_WEIGHTED_ACTIVATION",
    "INDETERMINATE",
    "LEFT",
    "LOWER_LOBE",
    "LUNG",
    "MIDDLE_LOBE",
    "NO_UNITS",
    "PERCENT",
    "PRIVATE_SCHEME",
    "PROBABILITY",
    "RIGHT",
    "SALIENCY",
    "UPPER_LOBE",
    "UTF_8",
    "Code",
    "class_code",
    "highdicom",
]

PRIVATE_SCHEME = "99CHESTCT"
UTF_8 = "ISO_IR 192"  # the character set of objects that show a class's name, whatever script it is in


class Code(NamedTuple):
    """A coded concept as the standards' tables have it."""

    value: str
    scheme: str
    meaning: str

    def concept(self) -> Any:
        """Return it as a ``highdicom.sr.CodedConcept``."""
        return highdicom().sr.CodedConcept(*self)


PROBABILITY = Code("122157", "DCM", "Probability")
GRADIENT_WEIGHTED_ACTIVATION = Code("130403", "DCM", "Gradient-weighted class activation")
DEVICE = Code("121007", "DCM", "Device")
SALIENCY = Code("130404", "DCM", "Saliency")
COMMENT = Code("121106", "DCM", "Comment")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
CHEST_CT_REPORT = Code("24627-2", "LN", "CT Chest Report")
NO_UNITS = Code("1", "UCUM", "no units")
PERCENT = Code("%", "UCUM", "Percent")
INDETERMINATE = Code("82334004", "SCT", "Indeterminate")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
LUNG = Code("39607008", "SCT", "Lung")
UPPER_LOBE = Code("45653009", "SCT", "Upper lobe of lung")
LOWER_LOBE = Code("90572001", "SCT", "Lower lobe of lung")
MIDDLE_LOBE = Code("72481006", "SCT", "Middle lobe of right lung")
LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")
ANSWER = Code("answer", PRIVATE_SCHEME, "Most probable class")


GRADES = {
    code.meaning.lower(): code
    for code in (
        Code("260413007", "SCT", "None"),
        Code("255604002", "SCT", "Mild"),
        Code("6736007", "SCT", "Moderate"),
        Code("24484000", "SCT", "Severe"),
        Code("17621005", "SCT", "Normal"),
        Code("263654008", "SCT", "Abnormal"),
    )
}
LONGEST_VALUE, LONGEST_MEANING = 16, 64  # characters of a code (SH) and of its meaning (LO)


def class_code(name: str) -> Code:
    """Return the code of a class: SNOMED CT's of a grade, else a private one made of the name.

    A classifier's class is no diagnosis: SNOMED CT's code for COVID-19 appears nowhere in the objects, so
    that no search for the disease finds a scan because a network gave it some probability. A grade (mild,
    severe, normal) names no disease.

    Example:
        >>> class_code("other pneumonia")
        Code(value='other_pneumonia', scheme='99CHESTCT', meaning='other pneumonia')
        >>> class_code("severe")
        Code(value='24484000', scheme='SCT', meaning='Severe')
        >>> class_code("hypersensitivity pneumonitis").value  # two long names stay two codes
        'hypersens_abf9df'
    """
    if name.lower() in GRADES:
        return GRADES[name.lower()]
    value = name.lower().replace("-", "_").replace(" ", "_")
    if len(value) > LONGEST_VALUE or not value.isascii():
        start = re.sub(r"[^a-z0-9_]", "", value)[: LONGEST_VALUE - 7]
        value = f"{start}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return Code(value, PRIVATE_SCHEME, name[:LONGEST_MEANING])


def highdicom() -> Any:
    """Import highdicom.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module("highdicom")
    except ImportError as error:
        raise UserError(
            f"DICOM output needs highdicom, which cannot be imported here ({error}); "
            f"run: pip install -r requirements-dicom.txt"
        ) from error
