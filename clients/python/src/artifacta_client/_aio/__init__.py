"""The asyncio client: the driver that runs operations, and the classes from which the blocking ones are generated."""
