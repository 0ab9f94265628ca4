"""What surrounds the pipeline: campaigns, index templates, and the embedded stack."""
