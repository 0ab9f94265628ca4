"""`python -m operations.cli`: the same as `hashtide`."""

from operations.cli.main import main

main()
