"""Lengths that the vector FFT has stages for."""

# Whole vectors along an axis, of stages of 3, 4 and 8.
LENGTHS = tuple(sorted({2**a * f for a in range(4, 14) for f in (1, 3)}))[:-1]
