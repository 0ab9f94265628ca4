"""`hashtide backtest`: run the alerting rules over past counts, with the real Prometheus."""
