"""The memory of messages."""

from __future__ import annotations

_BLOCK_BYTES = 8 * 1024 * 1024


def keep_freed_blocks() -> None:
    """Lets the C library keep blocks that were freed for the next message, instead of giving them back to the system.

    A message of 1 MiB exists four times on its way. The GNU C library gives free memory back from twice the size of the
    largest block on that was mapped for itself and was freed (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD). So it
    has to have seen a large one, whose pages are never touched. Otherwise each message is given back, and the pages of
    the next one are cleared by the system: half of the processor time of a push.
    """
    bytes(_BLOCK_BYTES)
