"""Benchmarks and previews, behind ``python -m scripts TOOL``; nothing imports them."""
