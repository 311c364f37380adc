"""Foundations: checks, geometry, boundaries, workers, compilation."""
