"""The blocking client: the driver that runs operations, and the classes that are generated from those of `_aio`."""
