"""Pure rules for tagging and counting posts. No I/O, no clock."""
