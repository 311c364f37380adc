"""Comparisons with other libraries: one command each, their last results as JSON, and the tables made from them."""
