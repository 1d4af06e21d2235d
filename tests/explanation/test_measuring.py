import json

import nibabel
import numpy as np
import pytest
from bright_cube import BrightnessNetwork

from scripts.datalists import read_datalist
from scripts.errors import UserError
from scripts.explanation import GradCAM, Occlusion, measure_localisation
from scripts.scans import Scan
from scripts.transforms import Box, LungRegion, ScanDataset, preprocessing, scan_to_grid


def methods(network):
    return [GradCAM(network, layer="features"), Occlusion(network, blocks=2)]


@pytest.fixture(scope="module")
def items(phantoms):
    lists = read_datalist(phantoms / "datalist.json")
    return lists["test"] + lists["validation"]


def measure(items, folder, methods=methods):
    network = BrightnessNetwork()
    dataset = ScanDataset(items, preprocessing(LungRegion(), (24, 20, 28)), keep_refused=True)
    return measure_localisation(network, "ab" * 32, dataset, methods, folder, randomisations=1)


def test_every_method_is_measured_on_every_scan_with_lesions(items, tmp_path):
    refused = next(item for item in items if item["label"] == 2) | {"image": "gone.nii.gz"}
    found = measure([*items, refused], tmp_path)
    assert found == json.loads((tmp_path / "explanation.json").read_text())
    sick = [item["name"] for item in items if item["label"] and np.any(nibabel.load(item["lesions"]).dataobj)]
    assert list(found["methods"]) == ["grad_cam", "occlusion"] and sick
    for name, figures in found["methods"].items():
        assert [scan["image"] for scan in found["scans"][name]] == sick
        assert figures["scans"] == len(sick)
        low, high = figures["pointing_game"]["interval_95_percent"]
        assert 0 <= low <= figures["pointing_game"]["value"] <= high <= 1
        assert figures["enrichment_in_lungs"]["value"] >= 0


def test_a_method_that_knows_the_lesions_points_at_them(items, tmp_path):
    """Its map is the mask itself, brought onto the grid by the preprocessing's own resampling."""
    item = next(item for item in items if item["label"] == 2)
    mask = nibabel.load(item["lesions"])
    scan = Scan.from_array(np.asarray(mask.dataobj).astype(np.int16), mask.affine)
    seen = preprocessing(LungRegion(), (24, 20, 28))({"image": item["image"]})["image"].meta
    box = Box(tuple(seen["box_low"].tolist()), tuple(seen["box_high"].tolist()))
    lesions, _ = scan_to_grid(scan, box, (24, 20, 28))

    class Oracle:
        name = "oracle"

        def __init__(self, network):
            self.network = network

        def __call__(self, x, classes):
            return lesions.clamp(0, 1)[None]

    found = measure([item], tmp_path, lambda network: [Oracle(network)])["methods"]["oracle"]
    assert found["pointing_game"]["value"] == 1
    assert found["enrichment_in_box"]["value"] > 5 and found["enrichment_in_lungs"]["value"] > 2
    assert found["dice_at_best_threshold"]["value"] > 0.6
    assert found["randomised_correlation"]["value"] == 1


def test_a_mask_on_other_voxels_and_a_set_without_masks_are_refused(items, tmp_path):
    item = next(item for item in items if item["label"] == 2)
    nibabel.save(nibabel.Nifti1Image(np.ones((9, 8, 7), np.uint8), np.eye(4)), tmp_path / "other.nii.gz")
    with pytest.raises(UserError, match=r"other.nii.gz: shape \(9, 8, 7\)"):
        measure([item | {"lesions": str(tmp_path / "other.nii.gz")}], tmp_path)
    with pytest.raises(UserError, match="none of 1 scans has a mask of lesions"):
        measure([{key: value for key, value in item.items() if key != "lesions"}], tmp_path)


def test_a_killed_measurement_goes_on_to_the_same_bytes(items, tmp_path):
    def stops_after(number):
        calls = []

        def stopping(network):
            class Stops(GradCAM):
                def __call__(self, x, classes):
                    calls.append(1)
                    if len(calls) > number:
                        raise KeyboardInterrupt
                    return super().__call__(x, classes)

            Stops.__qualname__, Stops.__module__ = GradCAM.__qualname__, GradCAM.__module__
            return [Stops(network, layer="features")]

        return stopping, calls

    def written(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    whole, counted = stops_after(10**6)
    measure(items, tmp_path / "whole", whole)
    killed, _ = stops_after(len(counted) - 1)
    with pytest.raises(KeyboardInterrupt):
        measure(items, tmp_path / "killed", killed)
    rest, calls = stops_after(10**6)
    measure(items, tmp_path / "killed", rest)
    assert 0 < len(calls) < len(counted) and written(tmp_path / "killed") == written(tmp_path / "whole")
    with pytest.raises(UserError, match="another methods"):
        measure(items, tmp_path / "killed")
