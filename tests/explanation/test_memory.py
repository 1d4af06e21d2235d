"""Memory over many scans: peaks of whole processes, as the operating system counts them."""

import math
import os
import shutil
import subprocess
import sys

import pytest

from scripts import bundle_root

GRID = (40, 40, 32)
FEW, MANY = 20, 60
BOUND = (MANY - FEW) * math.prod(GRID) * 4 / 2**20  # MB: less than one grid kept of each further scan


def peak_megabytes(scans, folder):
    """Return the peak memory of an inference that explains so many scans, in one process."""
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "inference"]
    options = {
        "config_file": "configs/inference.yaml",
        "scans": str([str(scan) for scan in scans]),
        "ckpt_path": str(folder / "model.pt"),
        "output_dir": str(folder / str(len(scans))),
        "spatial_shape": str(list(GRID)),
        "explain": "True",
        "num_workers": "0",
        "batch_size": "1",
    }
    for name, value in options.items():
        command += [f"--{name}", value]
    process = subprocess.Popen(command, cwd=bundle_root(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


@pytest.mark.slow
def test_explaining_three_times_the_scans_takes_the_same_memory(phantoms, save_model, tmp_path):
    save_model(tmp_path / "model.pt", spatial_shape=list(GRID))
    phantom = sorted((phantoms / "images").iterdir())
    scans = [tmp_path / f"{number:02d}.nii.gz" for number in range(MANY)]
    for number, scan in enumerate(scans):
        shutil.copy(phantom[number % len(phantom)], scan)
    few, many = (peak_megabytes(scans[:count], tmp_path) for count in (FEW, MANY))
    print(f"peak memory: {few:.0f} MB for {FEW} scans, {many:.0f} MB for {MANY}")
    assert many - few <= BOUND
