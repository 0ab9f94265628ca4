"""Stand-ins for servers that pass the same suites as the real ones, and can be interrupted anywhere."""
