"""The contract: the messages that producers send and workers read, and the names of topics and indices.

Pure: no settings, no I/O, no clock. Producers and stream jobs share nothing but this package.
"""
