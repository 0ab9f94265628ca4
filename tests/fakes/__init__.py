"""Fake servers that pass the same test suites as the real ones and can be interrupted at any step."""
