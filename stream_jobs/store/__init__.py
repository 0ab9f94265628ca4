"""The document store for counts, ledger entries and gaps."""
