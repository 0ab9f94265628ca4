"""Pure rules: what a post says, where it counts, and how; no I/O, no clock."""
