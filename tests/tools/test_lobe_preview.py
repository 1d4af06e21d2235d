from scripts.tools import lobe_preview


def test_a_picture_is_drawn_for_each_scan_and_a_missing_one_sets_the_status(phantoms, save_model, tmp_path):
    checkpoint = tmp_path / "lobe_model.pt"
    small = {"network_def::channels": [4, 8], "network_def::residual_units": 0}
    save_model(checkpoint, base="inference_lobes.yaml", spatial_shape=[24, 16, 20], **small)
    scan = str(sorted((phantoms / "images").iterdir())[0])
    arguments = [str(checkpoint), scan, "missing.nii", "--output_dir", str(tmp_path)]
    assert lobe_preview.main(arguments) == 1
    (picture,) = tmp_path.glob("*.png")
    assert picture.stat().st_size > 10_000
