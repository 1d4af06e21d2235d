"""``python -m scripts.transforms.preview`` is ``python -m scripts preview``."""

import sys

from scripts.__main__ import main

if __name__ == "__main__":
    main(["preview", *sys.argv[1:]])
