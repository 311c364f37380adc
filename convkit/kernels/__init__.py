"""Compiled loops. Nothing here checks, allocates results, or knows about modes and methods."""
