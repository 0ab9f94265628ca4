"""Payload bytes of one platform in, messages of the contract or a named error out; no I/O, no clock."""
