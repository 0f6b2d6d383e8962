"""The memory of messages."""

from __future__ import annotations

_BLOCK_BYTES = 8 * 1024 * 1024


def keep_freed_blocks() -> None:
    """Lets the C library keep freed blocks for the next message, instead of returning them to the system.

    A message of 1 MiB exists four times on its way. The GNU C library returns free memory once it is more than twice
    the size of the largest block that was mapped for itself and then freed: see M_MMAP_THRESHOLD and M_TRIM_THRESHOLD
    in mallopt(3). So it must have seen a large block, whose pages are never touched. Without that, the system clears
    new pages for each message: half of the processor time of a push.
    """
    bytes(_BLOCK_BYTES)
