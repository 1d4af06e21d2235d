"""The four objects: content, place in the patient, the standard's own validator."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from scripts.answering import Answer
from scripts.delivery.dicom import (
    Producer,
    classification_report,
    heat_captures,
    heat_parametric_map,
    lobe_segmentation,
    read_source,
)
from scripts.delivery.dicom.pictures import frames_on_source, report_lines
from scripts.errors import UserError

hd = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")
NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]
PRODUCER = Producer("0.1.0", "ab" * 32, "MultiTaskNetwork")
PROBABILITIES = dict(zip(NAMES, (0.1, 0.2, 0.7), strict=True))
ANSWER = Answer(
    name="series", position=0, path="series", series="", patient="", label=None, classes=tuple(NAMES),
    probabilities=PROBABILITIES, raw=PROBABILITIES, above_threshold=(), abstain=False, reason="", refusal="",
    read_flags=(), content_hash="", intensity="HU",
)  # fmt: skip
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture
def source(placed):
    return read_source(placed[0])


@pytest.fixture
def lobes(source):
    labels = np.zeros(source.shape, dtype=np.uint8)
    for label, corner in enumerate([(2, 3, 1), (9, 4, 2), (14, 11, 3), (3, 15, 5), (19, 2, 8)], 1):
        labels[tuple(slice(c, c + 2 + label // 2) for c in corner)] = label
    return labels


@pytest.fixture
def heat(source):
    values = np.zeros(source.shape, dtype=np.float32)
    values[5:12, 7:18, 3:9] = 0.25
    values[6, 17, 7] = 1.0
    return values


def saved(dataset, tmp_path):
    dataset.save_as(tmp_path / "object.dcm")
    return pydicom.dcmread(tmp_path / "object.dcm")


def text(report):
    return [line.strip() for line in report_lines(report)]


def test_lobes_come_back_on_the_voxels_they_were_on(source, lobes, tmp_path):
    volumes = frames_on_source(source, saved(lobe_segmentation(source, lobes, PRODUCER), tmp_path))
    assert sorted(volumes) == [1, 2, 3, 4, 5]
    for label, volume in volumes.items():
        np.testing.assert_array_equal(volume, lobes == label)


def test_highdicom_places_lobes_and_heat_where_the_source_has_them(source, lobes, heat, tmp_path):
    """Oracle: highdicom's own reader, which takes the affine from the frames of the file."""
    for dataset, expected, options in (
        (lobe_segmentation(source, lobes, PRODUCER), lobes, {"combine_segments": True}),
        (heat_parametric_map(source, heat, "COVID-19", PRODUCER, finest=0), heat, {}),
    ):
        dataset.save_as(tmp_path / "object.dcm")
        read = hd.seg.segread if options else hd.imread
        volume = read(tmp_path / "object.dcm").get_volume(**options)
        assert np.count_nonzero(volume.array) == np.count_nonzero(expected)
        to_source = np.linalg.inv(source.affine) @ LPS_TO_RAS @ volume.affine
        for index in np.argwhere(volume.array):
            voxel = (to_source @ [*index, 1])[:3]
            np.testing.assert_allclose(voxel, voxel.round(), atol=0.02)
            assert volume.array[tuple(index)] == pytest.approx(
                expected[tuple(voxel.round().astype(int))], abs=1e-5
            )


def test_the_hottest_place_keeps_its_patient_coordinates(placed, source, heat, tmp_path):
    folder, _, _ = placed
    dataset = saved(heat_parametric_map(source, heat, "COVID-19", PRODUCER, finest=0), tmp_path)
    frame, row, column = np.unravel_index(dataset.pixel_array.argmax(), dataset.pixel_array.shape)
    shared, group = dataset.SharedFunctionalGroupsSequence[0], dataset.PerFrameFunctionalGroupsSequence[frame]
    along_row, along_column = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3))
    spacing = shared.PixelMeasuresSequence[0].PixelSpacing
    corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
    found = corner + along_row * spacing[1] * column + along_column * spacing[0] * row
    slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    header = next(s for s in slices if s.SOPInstanceUID == source.slices[7].SOPInstanceUID)
    along_row, along_column = np.reshape(header.ImageOrientationPatient, (2, 3))
    expected = np.array(header.ImagePositionPatient, dtype=float)
    expected = expected + along_row * header.PixelSpacing[1] * 6 + along_column * header.PixelSpacing[0] * 17
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=1e-3)


def test_the_heat_comes_back_in_sixteen_bits(source, heat, tmp_path):
    heat *= np.float32(1 / 3)
    dataset = saved(heat_parametric_map(source, heat, "COVID-19", PRODUCER, finest=0), tmp_path)
    assert (dataset.NumberOfFrames, dataset.BitsAllocated, dataset.BurnedInAnnotation) == (6, 16, "NO")
    np.testing.assert_allclose(frames_on_source(source, dataset)[1], heat, atol=0.5 / 65535 + 1e-7)
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue == "130403"


def test_a_thinned_map_holds_each_block_s_maximum_over_the_block_s_place(source, heat, tmp_path):
    """Oracle: highdicom's reader for the place, a loop over blocks for the values."""
    finest = 2.5 * np.linalg.norm(source.affine[:3, :3], axis=0).max()
    thinned = heat_parametric_map(source, heat, "COVID-19", PRODUCER, finest=finest)
    back = frames_on_source(source, saved(thinned, tmp_path))[1]
    volume = hd.imread(tmp_path / "object.dcm").get_volume()
    assert volume.array.size < heat.size / 7
    to_source = np.linalg.inv(source.affine) @ LPS_TO_RAS @ volume.affine
    sizes = np.abs(to_source[:3, :3]).sum(axis=1).round().astype(int)
    seen = np.zeros(heat.shape, dtype=bool)
    for index in np.ndindex(volume.array.shape):
        first = ((to_source @ [*index, 1])[:3] - (sizes - 1) / 2).round().astype(int)
        place = tuple(slice(start, start + size) for start, size in zip(first, sizes, strict=True))
        assert volume.array[index] == pytest.approx(heat[place].max(), abs=1e-5)
        np.testing.assert_allclose(back[place], heat[place].max(), atol=1e-5)
        seen[place] = True
    assert not heat[~seen].any() and not back[~seen].any()


def test_overlays_lie_on_the_slices_with_the_heat_and_show_them(source, heat):
    captures = heat_captures(source, heat, "COVID-19", PRODUCER, window=(-500.0, 1500.0))
    slices = [header.SOPInstanceUID for header in source.slices]
    indices = [slices.index(capture.SourceImageSequence[0].ReferencedSOPInstanceUID) for capture in captures]
    assert 7 in indices and indices == sorted(set(indices))
    assert len({capture.SeriesInstanceUID for capture in captures}) == 1
    assert [capture.InstanceNumber for capture in captures] == list(range(1, len(captures) + 1))
    capture = captures[indices.index(7)]
    assert capture.pixel_array.shape == (220, 260, 3)  # 22 x 26, ten times as large
    for offset in (0, 9):  # the first and the last of the ten pixels that repeat one
        assert np.array_equal(capture.pixel_array[offset + 30 :: 10], capture.pixel_array[30::10])
    pixels = capture.pixel_array[5::10, 5::10]
    grey = np.clip((source.hounsfield(7) + 1250) / 1500, 0, 1) * 255
    cold = heat[:, :, 7].T == 0
    cold[:3] = False  # the caption
    np.testing.assert_allclose(pixels[cold], np.repeat(grey[cold][:, None], 3, axis=1), atol=0.51)
    hot = pixels[17, 6].astype(int)
    assert np.ptp(hot) > 60  # coloured


def test_overlays_of_enlarged_slices_keep_their_edges(source, heat):
    """Oracle: the outer corner of the first pixel, and the middle of the slice, in patient coordinates."""
    capture = heat_captures(source, heat, "COVID-19", PRODUCER, window=(-500.0, 1500.0))[0]
    header = next(
        header
        for header in source.slices
        if header.SOPInstanceUID == capture.SourceImageSequence[0].ReferencedSOPInstanceUID
    )

    def place(dataset, row, column):  # in shares of the height and width
        along_row, along_column = np.reshape(dataset.ImageOrientationPatient, (2, 3)).astype(float)
        down, right = np.array(dataset.PixelSpacing, dtype=float)
        steps = along_row * right * (column * dataset.Columns - 0.5)
        steps += along_column * down * (row * dataset.Rows - 0.5)
        return np.array(dataset.ImagePositionPatient, dtype=float) + steps

    for share in ((0, 0), (0, 1), (0.5, 0.25), (1, 1)):
        np.testing.assert_allclose(place(capture, *share), place(header, *share), atol=1e-6)


@pytest.mark.parametrize("name", ["COVID-19", "other pneumonia"])
def test_the_caption_is_whole_and_legible_on_a_narrow_slice(source, heat, name):
    for capture in heat_captures(source, heat, name, PRODUCER, window=(-500.0, 1500.0)):
        red, green, blue = np.moveaxis(capture.pixel_array[:24].astype(int), 2, 0)
        rows, columns = np.nonzero((red == green) & (red - blue > 200))  # yellow on black or white
        assert np.ptp(rows) >= 10 and 200 < columns.max() < capture.Columns - 1


def test_the_report_holds_each_probability_and_who_gave_it(source, tmp_path):
    report = saved(classification_report(source, ANSWER, PRODUCER), tmp_path)
    lines = text(report)
    wanted = [f"Probability: {value} (Percent)" for value in ("70.0", "10.0", "20.0", "70.0")]
    assert [line for line in lines if line.startswith("Probability:")] == wanted, "the most probable is first"
    tracked = [line for line in lines if line.startswith("Tracking Identifier: Probability")]
    assert [line.rpartition("class ")[2] for line in tracked] == NAMES
    assert "Most probable class: COVID-19 (covid_19, 99CHESTCT)" in lines
    assert f"Algorithm Parameters: weights SHA-256: {'ab' * 32}" in lines
    assert "Algorithm Version: 0.1.0" in lines
    assert lines[-1].startswith("Comment: Research use only")
    assert sum("Research use only" in line for line in lines) == 1
    assert report.VerificationFlag == "UNVERIFIED"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"


def test_classes_in_any_script_and_grades_are_reported_as_they_are_called(source, heat, tmp_path):
    names = ["none", "肺炎", "bénin", "severe"]
    for header in source.slices:  # a source in another character set, with a name that needs it
        header.SpecificCharacterSet, header.PatientName = "ISO_IR 100", "Müller^Jürgen"
    for prediction, coded in (("肺炎", "99CHESTCT"), ("severe", "24484000, SCT")):
        chances = {name: 0.4 if name == prediction else 0.2 for name in names}
        answer = replace(ANSWER, classes=tuple(names), probabilities=chances)
        made = classification_report(source, answer, PRODUCER)
        report = saved(made, tmp_path)
        tracked = [line for line in text(report) if line.startswith("Tracking Identifier: Probability")]
        assert [line.rpartition("class ")[2] for line in tracked] == names
        (line,) = (line for line in text(report) if line.startswith("Most probable class: "))
        assert prediction in line.lower() and coded in line
        assert str(report.PatientName) == "Müller^Jürgen"
    heat_map = saved(heat_parametric_map(source, heat, "肺炎", PRODUCER), tmp_path)
    assert "肺炎" in heat_map.SeriesDescription and str(heat_map.PatientName) == "Müller^Jürgen"


@pytest.mark.parametrize("probability", [0.05, 0.95])
def test_no_report_states_the_disease_as_a_finding(source, probability, tmp_path):
    rest = (1 - probability) / 2
    answer = replace(ANSWER, probabilities=dict(zip(NAMES, (rest, rest, probability), strict=True)))
    report = str(saved(classification_report(source, answer, PRODUCER), tmp_path))
    assert "121071" not in report and "840539006" not in report


def test_an_abstention_is_indeterminate_and_says_why(source, tmp_path):
    answer = replace(ANSWER, abstain=True, reason="uncertain: the highest probability 0.700 is under 0.9")
    lines = text(saved(classification_report(source, answer, PRODUCER), tmp_path))
    assert "Most probable class: Indeterminate (82334004, SCT)" in lines
    assert "Comment: Abstained: uncertain: the highest probability 0.700 is under 0.9" in lines
    assert len([line for line in lines if line.startswith("Probability:")]) == len(NAMES)
    assert not any("covid_19" in line for line in lines)


def test_flags_are_told_in_words_and_the_other_objects_are_named(source, lobes, heat, tmp_path):
    others = {
        "Lobes": lobe_segmentation(source, lobes, PRODUCER),
        "Heat map": heat_parametric_map(source, heat, "COVID-19", PRODUCER),
    }
    answer = replace(ANSWER, read_flags=("lungs_cut_at_bottom", "thick_slices"))
    report = saved(classification_report(source, answer, PRODUCER, others), tmp_path)
    assert "Comment: Take care: lungs cut at bottom; thick slices" in text(report)
    images = [item for item in report.ContentSequence if item.ValueType == "IMAGE"]
    assert [item.ConceptNameCodeSequence[0].CodeMeaning for item in images] == list(others)
    referred = [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in images]
    assert referred == [each.SOPInstanceUID for each in others.values()]


def test_a_refused_scan_has_no_report(source):
    with pytest.raises(ValueError, match="was refused"):
        classification_report(source, replace(ANSWER, probabilities={}), PRODUCER)


def objects(source, lobes, heat):
    return [
        classification_report(source, ANSWER, PRODUCER),
        lobe_segmentation(source, lobes, PRODUCER),
        lobe_segmentation(source, lobes, Producer("0.1.0")),
        heat_parametric_map(source, heat, "COVID-19", PRODUCER),
        heat_captures(source, heat, "COVID-19", PRODUCER, window=(-500.0, 1500.0))[0],
    ]


def test_all_belong_to_the_patient_the_study_and_the_frame_of_reference(source, lobes, heat):
    header = source.slices[0]
    datasets = objects(source, lobes, heat)
    for dataset in datasets:
        for keyword in (
            "PatientID",
            "PatientName",
            "PatientSex",
            "PatientBirthDate",
            "StudyInstanceUID",
            "StudyID",
        ):
            assert str(getattr(dataset, keyword) or "") == str(getattr(header, keyword)), keyword
        assert dataset.SeriesInstanceUID != header.SeriesInstanceUID
        assert "research use only" in dataset.SeriesDescription
    assert {dataset.get("FrameOfReferenceUID") for dataset in datasets[1:]} == {header.FrameOfReferenceUID}
    assert len({dataset.SeriesInstanceUID for dataset in datasets}) == len(datasets)


def test_the_standard_s_validator_finds_no_error(source, lobes, heat, tmp_path):
    if not shutil.which("dciodvfy"):
        pytest.skip("no dciodvfy; apt-get install dicom3tools")
    for dataset in objects(source, lobes, heat):
        dataset.save_as(tmp_path / "object.dcm")
        found = subprocess.run(
            ["dciodvfy", tmp_path / "object.dcm"], capture_output=True, text=True, check=False
        )
        assert not [line for line in found.stderr.splitlines() if line.startswith("Error")], found.stderr
        assert found.stderr.split()[0] in ("Comprehensive3DSR", "Segmentation", "ParametricMap", "SCImage")


def test_wrong_volumes_are_named(source, lobes, heat):
    with pytest.raises(UserError, match=r"labels \[0, 9\]; expected 0 to 5"):
        lobe_segmentation(source, np.where(lobes > 0, 9, 0), PRODUCER)
    with pytest.raises(UserError, match="no voxel"):
        lobe_segmentation(source, np.zeros_like(lobes), PRODUCER)
    with pytest.raises(UserError, match=r"lobes of shape \(22, 26, 12\); expected \(26, 22, 12\)"):
        lobe_segmentation(source, lobes.swapaxes(0, 1), PRODUCER)
    for make in (heat_parametric_map, lambda *a: heat_captures(*a, window=(-500.0, 1500.0))):
        with pytest.raises(ValueError, match=r"heat of shape \(22, 26, 12\); expected \(26, 22, 12\)"):
            make(source, heat.swapaxes(0, 1), "COVID-19", PRODUCER)
    with pytest.raises(ValueError, match="heat from 0 to 255; expected 0 to 1"):
        heat_parametric_map(source, heat * 255, "COVID-19", PRODUCER)
    with pytest.raises(ValueError, match="0 everywhere"):
        heat_parametric_map(source, heat * 0, "COVID-19", PRODUCER)
