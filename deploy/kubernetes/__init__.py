"""Hashtide on Kubernetes: manifests for kustomize, and what makes two of them."""
