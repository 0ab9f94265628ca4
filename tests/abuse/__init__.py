"""Hostile input: every way in, every bound, and what is shown of what came in. docs/abuse.md has it as a table."""
