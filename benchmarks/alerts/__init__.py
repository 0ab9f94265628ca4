"""Quality of the spike rules on made-up series: `python -m benchmarks.alerts`."""
