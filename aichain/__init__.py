"""The node room: the only one that waits, writes, listens or reads a clock."""

__version__ = "0.1.0"
