"""Where counts, ledger entries and gaps are written and read again."""
