"""Data that ships with the stream jobs, and what makes it: place names, and the packaged example of a campaign."""
