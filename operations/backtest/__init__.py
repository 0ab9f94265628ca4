"""The shipped alerting rules, run over history by the real Prometheus: `hashtide backtest`."""
