"""Encode scans: ``python -m scripts.features SCANS... --output_dir OUT``."""

from .embed_command import main

if __name__ == "__main__":
    main()
