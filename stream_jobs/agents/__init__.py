"""The two steps of the flow, enrich and count, and what they use."""
