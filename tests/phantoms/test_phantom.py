import numpy as np
import pytest

from scripts.phantoms import Population, draw_phantom

SHAPE = (44, 38, 34)  # R, A, S


@pytest.fixture(scope="module", params=[1, 2])
def sick_and_healthy(request):
    """The same patient on the same scanner, without and with each disease."""
    return draw_phantom(11, 0, SHAPE), draw_phantom(11, request.param, SHAPE)


@pytest.fixture(scope="module")
def plain():
    """A healthy man-sized phantom in RAS, fine enough for tissues to be told apart; no noise to speak of."""
    quiet = Population(noise_soft=(0.1, 0.2), sharp=0, contrast=0, circular=0, cropped=0, dependent=0)
    return draw_phantom(3, 0, (120, 100, 70), orientation="RAS", population=quiet)


def millimetres(phantom):
    """RAS coordinates of every voxel, relative to the scan's middle."""
    index = np.moveaxis(np.indices(phantom.hounsfield.shape), 0, -1)
    world = index @ phantom.affine[:3, :3].T
    return world - world.reshape(-1, 3).mean(0)


def test_class_changes_no_voxel_outside_the_lungs(sick_and_healthy):
    healthy, sick = sick_and_healthy
    outside = healthy.lobes == 0
    np.testing.assert_array_equal(healthy.hounsfield[outside], sick.hounsfield[outside])
    assert (healthy.hounsfield[~outside] != sick.hounsfield[~outside]).any()


def test_class_changes_neither_lobes_nor_geometry_nor_patient(sick_and_healthy):
    healthy, sick = sick_and_healthy
    np.testing.assert_array_equal(healthy.lobes, sick.lobes)
    np.testing.assert_array_equal(healthy.affine, sick.affine)
    assert (healthy.sex, healthy.age, healthy.orientation) == (sick.sex, sick.age, sick.orientation)


def test_lesion_mask_covers_what_the_lesions_change(sick_and_healthy):
    """A lesion's soft edge may reach one voxel of 8 mm over its mask."""
    from scipy.ndimage import binary_dilation

    healthy, sick = sick_and_healthy
    change = np.abs(sick.hounsfield.astype(int) - healthy.hounsfield)
    assert (change[~binary_dilation(sick.lesions > 0)] < 150).all()
    assert change[sick.lesions > 0].mean() > 30


@pytest.mark.parametrize("label", [0, 1, 2])
def test_same_seed_draws_same_phantom(label):
    first, second = (draw_phantom([5, 2], label, SHAPE) for _ in range(2))
    np.testing.assert_array_equal(first.hounsfield, second.hounsfield)
    np.testing.assert_array_equal(first.lesions, second.lesions)


def test_other_seed_draws_another_patient():
    first, second = (draw_phantom(seed, 0, SHAPE, orientation="RAS") for seed in (1, 2))
    assert (first.lobes != second.lobes).mean() > 0.01


def test_second_visit_is_the_same_patient_on_another_scan():
    first, second = (draw_phantom(8, 2, visit=visit, shape=SHAPE) for visit in (0, 1))
    assert (first.sex, first.age) == (second.sex, second.age)
    volumes = [
        np.prod(np.linalg.norm(p.affine[:3, :3], axis=0)) * (p.lobes > 0).sum() for p in (first, second)
    ]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    assert not np.array_equal(first.affine, second.affine)


@pytest.mark.parametrize("orientation", ["LPS", "ALS", "SPL"])
def test_orientation_turns_the_array_but_not_the_patient(orientation):
    """Oracle: nibabel's own reorientation."""
    import nibabel as nib

    straight = draw_phantom(4, 1, SHAPE, orientation="RAS")
    turned = draw_phantom(4, 1, SHAPE, orientation=orientation)
    image = nib.Nifti1Image(turned.hounsfield, turned.affine)
    assert "".join(nib.aff2axcodes(turned.affine)) == orientation
    back = nib.as_closest_canonical(image)
    np.testing.assert_array_equal(back.get_fdata(), straight.hounsfield)
    np.testing.assert_allclose(back.affine, straight.affine, atol=1e-6)


def test_shape_and_spacing_are_as_asked():
    phantom = draw_phantom(2, 0, (50, 40, 36), (8.0, 9.0, 10.0), orientation="RAS")
    assert phantom.hounsfield.shape == phantom.lobes.shape == phantom.lesions.shape == (50, 40, 36)
    np.testing.assert_allclose(np.diag(phantom.affine), (8, 9, 10, 1))


def test_arrays_have_the_types_of_files():
    phantom = draw_phantom(2, 1, SHAPE)
    assert (phantom.hounsfield.dtype, phantom.lobes.dtype, phantom.lesions.dtype) == (
        np.int16,
        np.uint8,
        np.uint8,
    )


def test_lung_is_as_dense_as_lung(plain):
    density = np.median(plain.hounsfield[plain.lobes > 0])
    assert -900 < density < -780


def test_lung_is_denser_behind(plain):
    front = millimetres(plain)[..., 1]
    lung = plain.lobes > 0
    low, high = np.quantile(front[lung], (0.2, 0.8))
    behind, before = (np.median(plain.hounsfield[lung & part]) for part in (front < low, front > high))
    assert 15 < behind - before < 150


def test_body_holds_fat_muscle_and_bone_surrounded_by_air(plain):
    outside = plain.hounsfield[plain.lobes == 0]
    share = {
        "air": (outside < -950).mean(),
        "fat": ((outside > -130) & (outside < -70)).mean(),
        "muscle": ((outside > 20) & (outside < 80)).mean(),
        "bone": ((outside > 200) & (outside < 1000)).mean(),
    }
    assert min(share["air"], share["fat"], share["muscle"]) > 0.04
    assert 0.01 < share["bone"] < 0.1
    assert outside.max() < 1200


def test_lungs_end_at_their_mask(plain):
    """The voxels next to the mask are chest wall, diaphragm and mediastinum, with hardly any lung in them."""
    from scipy.ndimage import binary_dilation

    lung = plain.lobes > 0
    assert np.median(plain.hounsfield[binary_dilation(lung) & ~lung]) > -80


def test_trachea_is_air_outside_the_lung_mask(plain):
    """The highest slices hold air enclosed by the body, above the lungs' tops."""
    from scipy.ndimage import binary_fill_holes

    top = plain.hounsfield[:, :, -2]
    body = top > -500
    enclosed = binary_fill_holes(body) & ~body
    assert enclosed.sum() >= 4
    assert not plain.lobes[:, :, -2][enclosed].any()


def test_padding_blanks_the_corners_only():
    shown = draw_phantom(6, 0, SHAPE, orientation="RAS", population=Population(circular=1, paddings=(-2048,)))
    blank = shown.hounsfield == -2048
    assert blank[0, 0].all()
    assert not blank[SHAPE[0] // 2, SHAPE[1] // 2].any()
    assert not (blank & (shown.lobes > 0)).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label": 3}, "label=3"),
        ({"label": 0, "shape": (40, 40)}, r"shape=\(40, 40\)"),
        ({"label": 0, "shape": (40, 40, 4)}, "at least 8"),
        ({"label": 0, "spacing": (1, 1, 0)}, "spacing"),
        ({"label": 0, "shape": (20, 20, 20), "spacing": (1, 1, 1)}, "misses lobe"),
    ],
)
def test_nonsense_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_phantom(0, **arguments)
