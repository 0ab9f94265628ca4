"""Deployment: Docker, Kubernetes, Kibana, Prometheus, and the embedded stack."""
