"""Masks of other programs, numbered as here.

python -m scripts.lobes.convert MASK --labels TABLE --output FILE
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import nibabel

from scripts.errors import show_user_errors_in_one_line
from scripts.files import write_nifti
from scripts.scans import Scan, read_scan

from .labels import LABEL_TABLES, convert_labels
from .lobe_map import LobeMap

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the mask anew and print its volumes; return 1 if its lobes cannot be a patient's."""
    parser = argparse.ArgumentParser(prog="python -m scripts.lobes.convert", description=__doc__)
    parser.add_argument("mask", help="NIfTI, NRRD or MHA")
    parser.add_argument("--labels", required=True, choices=LABEL_TABLES, help="the program that made it")
    parser.add_argument("--output", required=True, type=Path, help="a .nii.gz")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    mask = read_scan(options.mask)
    labels = convert_labels(mask.voxels, options.labels, options.mask)
    write_nifti(options.output, nibabel.Nifti1Image(labels, mask.affine))
    canonical = Scan.from_array(labels, mask.affine)
    lobes = LobeMap(canonical.voxels, canonical.affine)
    for lobe, volume in lobes.volumes().items():
        print(f"{lobe}: {volume:.0f} mL")
    print("implausible: " + " ".join(lobes.flags()) if lobes.flags() else "plausible")
    return 1 if lobes.flags() else 0


if __name__ == "__main__":
    sys.exit(main())
