import re

import torch

from scripts.networks import pa_66_m
from scripts.tools.precision import main


def test_it_says_how_far_half_precision_moves_the_answers(phantoms, tmp_path, capsys):
    torch.save(pa_66_m(spatial_shape=(24, 20, 18)).state_dict(), tmp_path / "model.pt")
    scans = [str(path) for path in sorted((phantoms / "images").iterdir())[:2]]
    main([str(tmp_path / "model.pt"), *scans, "--spatial_shape", "24", "20", "18"])
    printed = capsys.readouterr().out
    mean, largest = map(float, re.findall(r"by ([\d.e-]+)", printed))
    assert "2 scans" in printed
    assert 0 < mean <= largest < 1
