"""A label map of lobes as a DICOM segmentation of the series that it was made from.

python -m scripts.delivery.dicom --series DICOM_FOLDER --lobes lobes.nii.gz --output lobes.dcm
"""

import argparse
import json
from pathlib import Path

from scripts import bundle_root
from scripts.errors import show_user_errors_in_one_line

from . import Producer, lobe_segmentation, read_source


def main() -> None:
    """Write the segmentation that the command line names."""
    show_user_errors_in_one_line()
    parser = argparse.ArgumentParser(
        prog="python -m scripts.delivery.dicom", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--series", type=Path, required=True, help="folder of one DICOM CT series")
    parser.add_argument(
        "--lobes", type=Path, required=True, help="NIfTI on the series' voxels, labels 1 to 5"
    )
    parser.add_argument("--output", type=Path, required=True, help="the DICOM file to write")
    options = parser.parse_args()
    version = json.loads(Path(bundle_root(), "configs", "metadata.json").read_text())["version"]
    source = read_source(options.series)
    segmentation = lobe_segmentation(source, source.load(options.lobes), Producer(version))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    segmentation.save_as(options.output)
    print(f"{len(segmentation.PerFrameFunctionalGroupsSequence)} planes of lobes: {options.output}")


if __name__ == "__main__":
    main()
