"""Look at DICOM results: the report as text, the others over the source's slices.

python -m scripts.delivery.dicom.pictures --series DICOM_FOLDER --objects OUT/dicom/0000_NAME --output_dir DIR
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scripts.errors import show_user_errors_in_one_line
from scripts.files import write_whole

from .segmentation import LOBES
from .source import LPS_TO_RAS, SourceSeries, read_source

__all__ = ["draw_objects", "frames_on_source", "report_lines"]

TOLERANCE = 0.05  # voxels


def frames_on_source(source: SourceSeries, dataset: Any) -> dict[int, np.ndarray]:
    """Put each frame where its own position, orientation and spacing say, and nowhere else.

    Nothing but the object's geometry is used: not the order of its frames, nor its references. A pixel that
    covers several of the source's voxels, as those of a thinned heat map do, fills them all.

    Args:
        source: the series whose voxels the frames must lie on.
        dataset: a segmentation or a parametric map as pydicom reads it.

    Returns:
        A volume of shape ``(columns, rows, slices)`` for each segment number; of a map, for 1, as the real
        world values of its pixels.

    Raises:
        ValueError: another frame of reference, or a frame that does not lie along the source's planes.
    """
    if dataset.FrameOfReferenceUID != source.slices[0].FrameOfReferenceUID:
        raise ValueError("the object lies in another frame of reference")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    along_row, along_column = np.reshape(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)
    ).astype(float)
    measures = shared.PixelMeasuresSequence[0]
    row_spacing, column_spacing = map(float, measures.PixelSpacing)
    between = float(measures.get("SpacingBetweenSlices") or 0) or np.linalg.norm(source.affine[:3, 2])
    pixel = np.column_stack([along_row * column_spacing, along_column * row_spacing])
    to_source = np.linalg.inv(source.affine[:3, :3]) @ LPS_TO_RAS[:3, :3]
    steps = np.append(np.diag(to_source @ pixel), round(between / np.linalg.norm(source.affine[:3, 2])))
    if np.abs(to_source @ pixel - np.eye(3, 2) * steps[:2]).max() > TOLERANCE / max(source.shape):
        raise ValueError("the object's rows and columns do not run along the source's")
    scale = 1.0
    if "RealWorldValueMappingSequence" in shared:
        scale = float(shared.RealWorldValueMappingSequence[0].RealWorldValueSlope)
    volumes: dict[int, np.ndarray] = {}
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    for frame, group in zip(pixels, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        segment = 1
        if "SegmentIdentificationSequence" in group:
            segment = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        centre = np.linalg.inv(source.affine) @ LPS_TO_RAS @ [*position, 1]
        corner = centre[:3] - (steps - 1) / 2
        first, size = corner.round().astype(int), steps.round().astype(int)
        if np.abs(corner - first).max() > TOLERANCE or first.min() < 0 or first[2] >= source.shape[2]:
            raise ValueError(f"a frame at {position} does not lie on the source's voxels")
        block = frame.T.repeat(size[0], axis=0).repeat(size[1], axis=1)[..., None].repeat(size[2], axis=2)
        volume = volumes.setdefault(
            segment, np.zeros(source.shape, dtype=np.float32 if scale != 1 else frame.dtype)
        )
        place = volume[first[0] :, first[1] :, first[2] :][tuple(slice(n) for n in block.shape)]
        place[:] = scale * block[tuple(slice(n) for n in place.shape)]
    return volumes


def report_lines(item: Any, depth: int = 0) -> Iterator[str]:
    """Yield a structured report's content as indented lines, ``name: value``.

    Args:
        item: the report, or an item of its content.
        depth: of the item.
    """
    name = item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else "Image"
    yield f"{'  ' * depth}{name}: {_value(item)}".rstrip(": ")
    for child in item.get("ContentSequence", []):
        yield from report_lines(child, depth + 1)


def _value(item: Any) -> str:
    if item.ValueType == "NUM":
        measured = item.MeasuredValueSequence[0]
        return f"{measured.NumericValue} ({measured.MeasurementUnitsCodeSequence[0].CodeMeaning})"
    if item.ValueType == "CODE":
        code = item.ConceptCodeSequence[0]
        value = code.get("CodeValue") or code.get("LongCodeValue")
        return f"{code.CodeMeaning} ({value}, {code.CodingSchemeDesignator})"
    return str(item.get("TextValue") or item.get("UID") or item.get("PersonName") or "")


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
