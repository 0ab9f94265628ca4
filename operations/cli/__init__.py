"""`hashtide`: one file per command, imported only when it runs: `hashtide counts` does not load the detector."""
