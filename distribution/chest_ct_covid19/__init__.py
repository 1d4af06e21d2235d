"""The installed bundle: this folder holds ``configs/`` and ``scripts/`` as a clone does.

``chest_ct_covid19.pth`` beside it puts this folder at the end of Python's path, so that configs find
``scripts``. The command ``chest-ct`` puts it first: it finds this bundle also where another package is called
``scripts``.
"""

import runpy
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run a tool as ``python -m scripts``, or, for ``chest-ct run``, as ``python -m monai.bundle run``."""
    sys.path.insert(0, str(Path(__file__).parent))
    module = "monai.bundle" if sys.argv[1:2] == ["run"] else "scripts"
    runpy.run_module(module, run_name="__main__", alter_sys=True)
