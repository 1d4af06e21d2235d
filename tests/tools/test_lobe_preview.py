import torch

from scripts.lobes import LobeUNet
from scripts.tools import lobe_preview


def test_a_picture_is_drawn_for_each_scan_and_a_missing_one_sets_the_status(phantoms, tmp_path):
    checkpoint = tmp_path / "lobe_model.pt"
    torch.save(LobeUNet((4, 8), 0, (24, 16, 20)).state_dict(), checkpoint)
    scan = str(sorted((phantoms / "images").iterdir())[0])
    arguments = [str(checkpoint), scan, "missing.nii", "--output_dir", str(tmp_path)]
    assert lobe_preview.main(arguments) == 1
    (picture,) = tmp_path.glob("*.png")
    assert picture.stat().st_size > 10_000
