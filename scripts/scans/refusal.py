"""A scan that cannot be answered for, and why."""

from scripts.errors import UserError

__all__ = ["RefusedScan"]


class RefusedScan(UserError):
    """A scan is not a whole chest CT in HU, or cannot be read; the other scans of the run go on.

    Args:
        code: the reason in snake_case, stable over versions, for programs.
        name: the scan as the user named it.
        reason: one line for people: what was found, what was expected, what to do.
    """

    def __init__(self, code: str, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.code = code
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type["RefusedScan"], tuple[str, str, str]]:
        """Pickle by the three arguments: exceptions travel from loader workers to the main process."""
        return type(self), (self.code, self.name, self.reason)
