"""How good the spike rules are, on made-up series: `python -m benchmarks.alerts`."""
