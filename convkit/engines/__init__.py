"""Engines know threads, strips, tiles and copies; `cpu` and `spectral` run on NumPy arrays."""
