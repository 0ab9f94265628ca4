"""The same job on several systems: each module is one contestant, run as a process of its own on one core."""
