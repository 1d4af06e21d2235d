"""A lobe mask as a DICOM segmentation of the series that it was made from.

python -m scripts.delivery.dicom --series DICOM_FOLDER --lobes lobes.nii.gz --output lobes.dcm
    [--labels totalsegmentator] [--lobe_ckpt_path lobe_model.pt]
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts import bundle_version
from scripts.errors import show_user_errors_in_one_line
from scripts.files import write_whole
from scripts.lobes import LABEL_TABLES, LobeSegmenter

from .segmentation import lobe_producer, lobe_segmentation, lobes_on_source, read_mask
from .source import read_source

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the segmentation that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.delivery.dicom", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--series", type=Path, required=True, help="folder of one DICOM CT series")
    parser.add_argument("--lobes", type=Path, required=True, help="NIfTI, NRRD or MHA on the series' voxels")
    parser.add_argument("--labels", choices=LABEL_TABLES, default="bundle", help="how it numbers the lobes")
    parser.add_argument("--lobe_ckpt_path", type=Path, help="the lobe network, if it made the mask")
    parser.add_argument("--output", type=Path, required=True, help="the DICOM file to write")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    version = bundle_version()
    source = read_source(options.series)
    lobes = read_mask(source, options.lobes, options.labels)
    if options.lobe_ckpt_path:
        lobes = replace(lobes, weights=LobeSegmenter(str(options.lobe_ckpt_path)).sha256)
    labels = lobes_on_source(source, lobes)
    segmentation = lobe_segmentation(source, labels, lobe_producer(lobes, version))
    write_whole(options.output, segmentation.save_as)
    print(f"{len(segmentation.PerFrameFunctionalGroupsSequence)} planes of lobes: {options.output}")


if __name__ == "__main__":
    main()
