"""Kibana dashboards: written as YAML, compiled to saved objects, imported by `hashtide setup --kibana`."""
