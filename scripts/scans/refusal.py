"""A scan that cannot be answered for, and why."""

from scripts.errors import UserError

__all__ = ["CODES", "RefusedScan"]

CODES = {
    "not_found": "no such file or folder, or no scan in it",
    "unsupported": "a format that is not read here",
    "unreadable": "damaged, cut short, locked or not what its name says",
    "empty_file": "a file of no bytes",
    "too_large": "more than a scan can be: a damaged header, or a zip bomb",
    "bad_declaration": "what the datalist or the command line says of the scan is wrong or incomplete",
    "not_ct": "of another modality, or a scout, a projection, a coloured picture",
    "not_axial": "CT, but only as sagittal, coronal or oblique reformats",
    "several_patients": "slices of more than one patient",
    "several_series": "more than one series fits, and nothing says which",
    "series_not_found": "the series that was asked for is not there",
    "several_orientations": "slices of different sizes, pixel spacings or orientations, or pictures of "
    "different depths",
    "missing_slices": "a hole in the stack",
    "duplicate_slices": "slices that are there twice",
    "uneven_slices": "distances between slices that differ, or slices shifted sideways",
    "too_few_slices": "fewer slices than a chest has",
    "not_three_dimensional": "not one volume",
    "bad_geometry": "no spacing or orientation, or an impossible one",
    "bad_rescale": "a rescale slope or intercept that turns stored values into nothing, or that only some "
    "slices have",
    "non_finite": "voxels that are NaN or infinite",
    "constant": "all voxels alike",
    "mask": "few distinct values: labels, not a CT",
    "not_hounsfield": "grey levels other than HU, and no window declared for them; or HU of a wrong slope",
    "window_too_narrow": "the declared window does not hold all that the network looks at",
    "no_lungs": "no lungs: head, abdomen, phantom of water, lungs alone with the body cut away",
    "partial_thorax": "the field of view or the ends of the scan cut the lungs",
}


class RefusedScan(UserError):
    """A scan is not a whole chest CT in HU, or cannot be read; the other scans of the run go on.

    Args:
        code: the reason, one of :data:`CODES`, stable over versions, for programs.
        name: the scan as the user named it.
        reason: one line for people: what was found, what was expected, what to do. It holds no value
            of a header that could identify a patient.
    """

    def __init__(self, code: str, name: str, reason: str) -> None:
        if code not in CODES:
            raise ValueError(f"code={code!r} is not one of CODES")
        super().__init__(f"{name}: {reason}")
        self.code = code
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type["RefusedScan"], tuple[str, str, str]]:
        """Pickle by the three arguments: exceptions travel from loader workers to the main process."""
        return type(self), (self.code, self.name, self.reason)
