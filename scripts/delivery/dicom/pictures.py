"""Look at DICOM results: the report as text, the others over the source's slices.

python -m scripts.delivery.dicom.pictures --series DICOM_FOLDER --objects OUT/dicom/0000_NAME --output_dir DIR
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from scripts.errors import show_user_errors_in_one_line
from scripts.files import write_whole

from .reading_back import frames_on_source, report_lines
from .segmentation import LOBES
from .source import SourceSeries, read_source

__all__ = ["draw_objects"]

SHOWN = 6  # slices of a volume


def draw_objects(source: SourceSeries, objects: Path, folder: Path) -> list[Path]:
    """Read the objects back from disk and draw each where its own geometry puts it.

    Args:
        source: the series that they belong to.
        objects: folder of ``report.dcm``, ``lobes.dcm``, ``heat_map.dcm``, ``heat_overlay_N.dcm``, or some.
        folder: to write to.

    Returns:
        The files written.
    """
    import pydicom

    written = []
    for path in sorted(objects.glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        if dataset.Modality == "SR":
            written.append(folder / f"{path.stem}.txt")
            write_whole(written[-1], "\n".join(report_lines(dataset)) + "\n")
            continue
        written.append(folder / f"{path.stem}.png")
        if dataset.get("PhotometricInterpretation") == "RGB":
            _save_picture(dataset.pixel_array, written[-1])
        else:
            _draw_volume(source, frames_on_source(source, dataset), dataset.Modality == "SEG", written[-1])
    return written


def _draw_volume(source: SourceSeries, volumes: dict[int, np.ndarray], coloured: bool, path: Path) -> None:
    """Draw evenly spread slices of those that have something to show."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    strength = np.max([volume.max(axis=(0, 1)) for volume in volumes.values()], axis=0)
    used = np.flatnonzero(strength)
    shown = used[np.linspace(0, len(used) - 1, min(SHOWN, len(used))).round().astype(int)]
    figure = Figure(figsize=(15, 9), layout="constrained")
    for axes, index in zip(np.ravel(figure.subplots(2, SHOWN // 2)), shown.tolist(), strict=False):
        axes.imshow(source.hounsfield(index), cmap="gray", vmin=-1250, vmax=250)
        for segment, volume in volumes.items():
            layer = volume[:, :, index].T
            colours: Any = colormaps["turbo"](layer)
            if coloured:
                colours[..., :3] = np.array(LOBES[segment - 1][3]) / 255
            colours[..., 3] = 0.5 * (layer > 0) if coloured else 0.6 * layer
            axes.imshow(colours)
        axes.set_title(f"slice {index}")
        axes.set_axis_off()
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=60))


def _save_picture(pixels: np.ndarray, path: Path) -> None:
    from PIL import Image

    write_whole(path, lambda file: Image.fromarray(pixels).save(file, format="png"))


def main() -> None:
    """Draw what the command line names."""
    show_user_errors_in_one_line()
    parser = argparse.ArgumentParser(prog="python -m scripts.delivery.dicom.pictures")
    parser.add_argument("--series", type=Path, required=True, help="folder of the DICOM CT series")
    parser.add_argument("--objects", type=Path, required=True, help="folder of its DICOM results")
    parser.add_argument("--output_dir", type=Path, required=True)
    options = parser.parse_args()
    written = draw_objects(read_source(options.series), options.objects, options.output_dir)
    print(f"{len(written)} objects drawn: {', '.join(path.name for path in written)}")


if __name__ == "__main__":
    main()
