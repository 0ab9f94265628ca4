"""Every metric, declared and explained: a module for each process that shows some, so that no process shows others'.

Names follow Prometheus' naming page ("Metric and label naming").
"""
