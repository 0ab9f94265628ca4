"""The two steps of the flow, each a batch in and a batch out."""
