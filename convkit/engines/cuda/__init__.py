"""Engines on a CUDA device: each module has the names of the one beside this package, and works on lines in its memory."""
