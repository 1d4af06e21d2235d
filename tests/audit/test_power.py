"""The curves of docs/audit.md: `pytest -m slow -s tests/audit/test_power.py`."""

import numpy as np
import pytest
from feature_tables import cohort

from scripts.audit.features import associate, encode
from scripts.audit.probe import probe_shortcuts
from scripts.audit.shortcuts import ALARM

EFFECTS = (0.0, 0.5, 1.0, 1.5, 2.5)
COHORTS = {60: 40, 300: 20}


def alarms(count, effect):
    """Return how often tables and probe cry, and how often the interval holds one half, over cohorts."""
    told = []
    for seed in range(COHORTS[count]):
        table, labels, patients = cohort(count, seed, effect)
        cells = encode(table)
        tables = min(a.p_value for a in associate(cells, labels, patients, shuffles=399))
        probe = probe_shortcuts(cells, labels, patients, shuffles=399)
        inside = probe.interval[0] <= 0.5 <= probe.interval[1]
        told.append((tables <= ALARM, probe.p_value <= ALARM, inside))
    return np.mean(told, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("count", [60, 300])
def test_power_grows_with_the_effect_and_the_interval_covers_chance_without_one(count):
    rows = [alarms(count, effect) for effect in EFFECTS]
    for effect, row in zip(EFFECTS, rows, strict=True):
        print(
            f"{count} scans, shift {effect:.2f} SD: tables {row[0]:.2f}, probe {row[1]:.2f}, 0.5 {row[2]:.2f}"
        )
    tables, probe, inside = np.transpose(rows)
    assert max(tables[0], probe[0]) <= 0.05 and inside[0] >= 0.85
    assert tables[-1] >= 0.8
    assert (np.diff(tables) >= -0.15).all() and (np.diff(probe) >= -0.15).all()
