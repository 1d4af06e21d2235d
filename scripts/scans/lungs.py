"""The lungs, found coarsely and without a network: enough for a box."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .airway import led_to_by_trachea
from .gas import Samples, glued_gas
from .hull import Hull
from .recesses import lower_edges
from .refusal import RefusedScan
from .scan import Scan

__all__ = ["Lungs", "enclosed_air", "find_lungs"]

TISSUE = -320.0  # HU: halfway between aerated lung and soft tissue
ROOM_AIR = -950.0  # HU: below lies the room's air; lung lies above, but for emphysema
GAS = -970.0  # HU: the median of a bubble of gas lies below, even an emphysematous lung's above
AIRWAY_WIDTH = 24.0  # mm: no airway is wider, every lung is
WIDE = 0.85  # share of air in a cube as wide as that: vessels and patches of disease run through a lung
REACH = 42.0  # mm: from the wide part of a lung into its recesses
SMALLEST_LUNG = 100.0  # mL of aerated lung in one piece
SCARCE_AIR = 0.05  # share of the scan: with less of the room's air, the field of view lies within the body
LOWER_PART = 0.6  # share of the lungs' height in which gas and thin edges are looked for
HIDDEN = 4.0  # mm that an edge goes on, too thin to show, or 1.5 voxels of the scan across
EDGE = -250.0  # HU: a thin edge is denser than lung, for tissue on both sides blurs into it
MARGIN = 3  # coarse voxels beside the lungs
SMALLEST_CUT = 50.0  # mL of air beside the body's own outline, which blurs: less of it holds no lung
LARGEST_CUT = 0.1  # share of the lungs that may lie open to the sides of the field of view
LARGEST_END = 0.55  # share of the lungs' widest axial section that may lie in the first or last slice
OPEN_END = 1000.0  # mm2 of lung in the first or last slice: worth a flag
PARTED = 0.7  # of the largest sagittal section of either side: two lungs have less of it in their middle
ROOM_FOR_A_LUNG = 0.6  # of the other lung's width, between that lung and the body's far side
IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
IN_PLANE[:, 1, 1] = IN_PLANE[1, :, 1] = True


@dataclass(frozen=True, eq=False)
class Lungs:
    """The lungs of a scan, on its coarse copy.

    Attributes:
        coarse: the copy.
        mask: aerated lung, shape of ``coarse.voxels``; without trachea and outside air.
        hull: convex hull of the mask, which bridges consolidation, in voxels of ``coarse``.
        flags: ``lungs_cut_at_top``, ``lungs_cut_at_bottom``, ``one_lung`` where they hold.
    """

    coarse: Scan
    mask: np.ndarray
    hull: Hull
    flags: tuple[str, ...] = ()


def find_lungs(scan: Scan) -> Lungs:
    """Find the aerated lungs of a chest CT and the convex hull around them.

    As the first step of PARL: threshold and connected components. Air below :data:`TISSUE` that reaches the
    sides of its own axial slice is outside. What tissue encloses is freed of all that is narrow, and its
    large pieces are the lungs, but for bubbles of gas; touching lungs are one piece. Lung of which the sides
    of the field of view cut less than a tenth is taken in as far as it shows. Where one side holds
    no air (a lung that is consolidated throughout), the hull is that of the other and its mirror image.

    Args:
        scan: in HU.

    Raises:
        RefusedScan: ``no_lungs``, or ``partial_thorax`` where the field of view cuts them.
    """
    coarse = scan.coarse
    air = coarse.voxels < TISSUE
    body = _body(coarse.voxels)
    enclosed = enclosed_air(air)
    cut = _cut_by_sides(air & ~enclosed & (coarse.voxels > ROOM_AIR) & _between(body), coarse)
    enclosed |= cut
    mask, gas, samples = _without_gas(enclosed, scan)
    _check_sides(mask & ~cut, cut, coarse)
    other = ndimage.maximum_filter(gas | (air & ~enclosed), 3) & ~mask
    edges = lower_edges(mask, other, samples, EDGE)
    flags = _cut_ends(mask, edges, coarse)
    surface = Hull.surface(coarse.voxels, mask, TISSUE)
    hull = Hull.of_points(np.concatenate([surface, _tips(edges, samples, scan)]))
    width, depth, _ = (hull.high - hull.low) * coarse.spacing
    if width < depth and not _parted(mask):
        hull = _with_mirror_image(hull, body[:, :, mask.any((0, 1))], scan.name)
        flags = (*flags, "one_lung")
    return Lungs(coarse, mask, hull, flags)


def _without_gas(enclosed: np.ndarray, scan: Scan) -> tuple[np.ndarray, np.ndarray, Samples]:
    """Return the lungs, the gas that was glued to them, and the scan's own voxels of their lower part."""
    coarse = scan.coarse
    wide = _without_airways(enclosed, coarse.spacing)
    pieces = _lung_pieces(wide, led_to_by_trachea(enclosed, wide, coarse), coarse)
    if not pieces.any():
        raise _no_lungs(coarse)
    samples = Samples(scan, _lower_box(pieces))
    gas = glued_gas(pieces, samples, coarse)
    if gas.any():
        free, wide = enclosed & ~gas, wide & ~gas
        pieces = _lung_pieces(wide, led_to_by_trachea(free, wide, coarse), coarse)
        if not pieces.any():
            raise _no_lungs(coarse)
    return pieces, gas | (wide & ~pieces), samples


def _lower_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the box of the mask's lower part, down to the scan's end and a little wider on its sides."""
    across, deep, up = ndimage.find_objects(mask.astype(np.uint8))[0]
    sides = [
        slice(max(0, part.start - MARGIN), min(part.stop + MARGIN, size))
        for part, size in zip((across, deep), mask.shape, strict=False)
    ]
    return sides[0], sides[1], slice(0, up.start + int(LOWER_PART * (up.stop - up.start)) + 1)


def _tips(edges: np.ndarray, samples: Samples, scan: Scan) -> np.ndarray:
    """Return where the thin edges end, ``(points, 3)`` in coarse voxels: below their lowest samples."""
    below = np.zeros_like(edges)
    np.logical_or.accumulate(edges[:, :, :-1], axis=2, out=below[:, :, 1:])
    points = samples.positions(edges & ~below)
    hidden = max(HIDDEN, 1.5 * scan.spacing[:2].max())
    points[:, 2] = np.maximum(points[:, 2] - hidden / scan.coarse.spacing[2], -0.5)
    return points


def _parted(mask: np.ndarray) -> bool:
    """Say whether the lung has two sides and little between them, as heart and spine part two lungs.

    Two lungs are wider than deep but in a barrel-shaped or narrow chest; one alone is fullest in its middle.
    """
    areas = np.trim_zeros(mask.sum((1, 2)))  # of the sagittal planes
    sides = np.array_split(areas, 3)
    if len(areas) < len(sides):
        return False
    right, middle, left = sides
    return bool(middle.min() < PARTED * min(right.max(), left.max()))


def _with_mirror_image(hull: Hull, body: np.ndarray, name: str) -> Hull:
    """Return the hull of one lung and of its mirror image, where the body has room for the other lung.

    Two lungs side by side are wider than deep, one alone is deeper than wide and not parted in its middle.

    Args:
        hull: deeper than wide.
        body: the slices that have lung, shape ``(R, A, slices)``.
        name: of the scan, for the message.
    """
    across = np.flatnonzero(body.any((1, 2)))
    room = max(hull.low[0] - across[0], across[-1] - hull.high[0])
    if room < ROOM_FOR_A_LUNG * (hull.high[0] - hull.low[0]):
        raise RefusedScan(
            "partial_thorax",
            name,
            "only one lung lies in the field of view; expected a whole chest; give the scan uncropped",
        )
    mirrored = hull.points * [-1, 1, 1] + [float(across[0] + across[-1]), 0, 0]
    return Hull.of_points(np.concatenate([hull.points, mirrored]))


def _no_lungs(coarse: Scan) -> RefusedScan:
    share = float((coarse.voxels < ROOM_AIR).mean())
    if share < SCARCE_AIR:
        reason = (
            f"a part of the body: no lung lies whole in it, and of the room's air it shows only {share:.0%}"
        )
        return RefusedScan("partial_thorax", coarse.name, f"{reason}; expected a whole chest")
    return RefusedScan("no_lungs", coarse.name, "no lungs found; expected a CT of the chest")


def _cut_by_sides(open_air: np.ndarray, coarse: Scan) -> np.ndarray:
    """Return the lung that lies open to the sides of the field of view, none where that is little air."""
    voxel = coarse.spacing.prod() / 1000  # mL
    if open_air.sum() * voxel < SMALLEST_CUT:
        return np.zeros_like(open_air)
    return _without_airways(open_air, coarse.spacing)


def _check_sides(whole: np.ndarray, cut: np.ndarray, coarse: Scan) -> None:
    """Refuse lungs of which a good part lies open to the sides of the field of view."""
    voxel = coarse.spacing.prod() / 1000  # mL
    whole_volume, cut_volume = whole.sum() * voxel, cut.sum() * voxel
    if cut_volume > LARGEST_CUT * (whole_volume + cut_volume):
        raise RefusedScan(
            "partial_thorax",
            coarse.name,
            f"the sides of the field of view cut {cut_volume:.0f} mL of lung and leave {whole_volume:.0f} mL "
            f"whole; expected a whole chest; give the scan uncropped",
        )


def enclosed_air(air: np.ndarray) -> np.ndarray:
    """Return the air that tissue encloses in its own axial slice.

    The trachea and the mouth join the lungs to the room in three dimensions; within a slice nothing does.

    Args:
        air: boolean, shape ``(R, A, S)``.
    """
    labels, count = ndimage.label(air, structure=IN_PLANE)
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    enclosed = np.ones(count + 1, dtype=bool)
    enclosed[np.unique(np.concatenate([side.ravel() for side in sides]))] = False
    enclosed[0] = False
    return enclosed[labels]


def _without_airways(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Keep the middles of cubes of air wider than an airway, and what is within :data:`REACH` of them.

    The reach is along paths in the mask: it follows a recess down beside the diaphragm, and from the hila
    it enters the airways but does not get as far up as the lungs' tips.
    """
    size = np.maximum(1, np.round(AIRWAY_WIDTH / spacing)).astype(int).tolist()
    middles = mask & (ndimage.uniform_filter(mask.astype(np.float32), size, mode="nearest") > WIDE)
    return ndimage.binary_dilation(middles, iterations=round(REACH / spacing.min()), mask=mask)


def _lung_pieces(mask: np.ndarray, reached: np.ndarray | None, coarse: Scan) -> np.ndarray:
    """Keep the connected pieces that are large, denser than gas and reached by the trachea.

    A lung whose bronchus is shut is not reached, but lies beside the other and not below it.

    Args:
        mask: air wider than an airway.
        reached: air that the trachea leads to; None where no trachea shows.
        coarse: the coarse copy.
    """
    labels, count = ndimage.label(mask)
    volumes = np.bincount(labels.ravel(), minlength=count + 1) * coarse.spacing.prod() / 1000  # mL
    volumes[0] = 0
    pieces = [
        piece
        for piece in np.flatnonzero(volumes >= SMALLEST_LUNG)
        if np.median(coarse.voxels[labels == piece]) > GAS
    ]
    lung = np.zeros(count + 1, dtype=bool)
    lung[pieces] = True
    first = [piece for piece in pieces if reached is not None and reached[labels == piece].any()]
    if first:
        heights = np.flatnonzero(np.isin(labels, first).any((0, 1)))
        middle = (heights[0] + heights[-1]) // 2
        lung[pieces] = np.isin(pieces, [*first, *np.unique(labels[:, :, middle:])])
    return lung[labels]


def _body(voxels: np.ndarray) -> np.ndarray:
    """Return the largest piece of tissue, without what is thin, such as the table's shell."""
    solid = ndimage.minimum_filter(voxels > TISSUE, 3, mode="nearest")
    labels, count = ndimage.label(solid)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count else solid


def _between(body: np.ndarray) -> np.ndarray:
    """Return the voxels that have body both before and behind them: a cushion under the patient has not."""
    behind = np.logical_or.accumulate(body, axis=1)
    before = np.logical_or.accumulate(body[:, ::-1], axis=1)[:, ::-1]
    return behind & before


def _cut_ends(mask: np.ndarray, edges: np.ndarray, coarse: Scan) -> tuple[str, ...]:
    """Return flags for lungs that go on beyond the first or the last slice; refuse where most of them do.

    Args:
        mask: the lungs.
        edges: samples of their thin lower edges, eight for each coarse voxel, from the first slice on.
        coarse: the coarse copy.
    """
    areas = mask.sum((0, 1)) * coarse.spacing[0] * coarse.spacing[1]
    edge = edges[:, :, :2].sum() / 8 * coarse.spacing[0] * coarse.spacing[1]
    flags = []
    for end, area in (("top", areas[-1]), ("bottom", areas[0] + edge)):
        if area > LARGEST_END * areas.max():
            raise RefusedScan(
                "partial_thorax",
                coarse.name,
                f"the scan ends amid the lungs, at their {end}; expected a whole chest; give all slices",
            )
        if area > OPEN_END:
            flags.append(f"lungs_cut_at_{end}")
    return tuple(flags)
