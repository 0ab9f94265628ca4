"""The contract: what producers send, what workers read, and the names of the topics and indices it is kept in.

Pure: no settings, no I/O, no clock. Producers and stream jobs know each other by this package alone.
"""
