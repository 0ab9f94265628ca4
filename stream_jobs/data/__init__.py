"""Packaged data: place names with the script that makes them, and the example campaign."""
