"""What producers, stream jobs and operations share: the contract, settings, connections, errors and metrics."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("hashtide")
except PackageNotFoundError:  # imported from a source tree that is not installed
    __version__ = "0+unknown"
