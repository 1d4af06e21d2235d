"""Those of whom only one thing is known: that they were not found to have COVID-19."""

from scripts.errors import UserError

from .collection import Request

__all__ = ["class_of_negatives"]

CHOICES = {"0": 0, "1": 1, "left_out": None}


def class_of_negatives(request: Request, layout: str, who: str) -> int | None:
    """Return the class that the user gives to a source's negatives, or None to leave them out.

    A negative test is no finding: such a patient may have healthy lungs, another pneumonia or a missed
    COVID-19. So there is no default.

    Args:
        request: its ``negatives_are`` is the answer.
        layout: for the message.
        who: for the message: who the negatives are in this source.

    Raises:
        UserError: the user has not decided, or not for one of the choices.
    """
    if request.negatives_are is None:
        raise UserError(
            f"layout {layout}: {who}, which says nothing about another pneumonia; decide with "
            f"--negatives_are 0 (non-pneumonia), 1 (other pneumonia) or left_out"
        )
    if request.negatives_are not in CHOICES:
        raise UserError(f"--negatives_are {request.negatives_are}: expected {', '.join(CHOICES)}")
    return CHOICES[request.negatives_are]
