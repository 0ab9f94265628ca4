"""Every metric, declared and explained: one module per kind of process, so that a process exposes only its own.

Names follow Prometheus' naming page ("Metric and label naming").
"""
