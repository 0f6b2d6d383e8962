"""The version of this client: that of the whole repository, which a test compares."""

__version__ = "0.1.0"
