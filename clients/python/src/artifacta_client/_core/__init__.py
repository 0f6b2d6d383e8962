"""What the blocking and the asyncio client share. Nothing here does I/O: see README.md."""
