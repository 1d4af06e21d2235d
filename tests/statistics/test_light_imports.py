import subprocess
import sys

from scripts import bundle_root

ONE_SCAN = """
import sys
import numpy as np
from scripts.statistics import Calibration, class_columns

thresholds = {name: {"value": 0.5, "interval_95_percent": None} for name in ("healthy", "ill")}
calibration = Calibration(["healthy", "ill"], 2.0, False, [0.5, 0.5], 0.95, thresholds, {})
raw = np.array([0.2, 0.8])
calibration.apply(raw, prior=[0.9, 0.1])
assert calibration.above_threshold(raw) == ["ill"]
assert class_columns(calibration.class_names) == ["prob_healthy", "prob_ill"]
print(*sorted({"pandas", "jinja2", "sklearn"} & sys.modules.keys()))
from scripts.statistics import PredictionTable
print(*sorted({"pandas", "jinja2"} & sys.modules.keys()))
"""


def test_calibrating_one_scan_imports_neither_pandas_nor_jinja2():
    done = subprocess.run(
        [sys.executable, "-c", ONE_SCAN], cwd=bundle_root(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["", "pandas"]
