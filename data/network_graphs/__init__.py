"""Whole networks of the search spaces as graphs, written without building them."""
