"""Faust, with batches: how records come in, and how they are acknowledged."""
