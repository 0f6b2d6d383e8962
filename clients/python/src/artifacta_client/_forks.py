"""gRPC in a process that was forked: what can be used, and what has to be said.

A child whose parent was idle connects again. The child of a parent that had calls or streams open, or used asyncio, has
gRPC in the middle of something, and no thread that would go on with it: a call would never end.
"""

from __future__ import annotations

import os

from ._core.errors import FailedPrecondition

_open: set[int] = set()
_state = {"is_broken": False, "uses_asyncio": False}


def opened(thing: object) -> None:
    """Notes a call or a stream that is open."""
    _open.add(id(thing))


def closed(thing: object) -> None:
    """Notes its end."""
    _open.discard(id(thing))


def asyncio_used() -> None:
    """Notes that gRPC is used with asyncio, where threads are never idle."""
    _state["uses_asyncio"] = True


def _in_child() -> None:
    _state["is_broken"] = _state["is_broken"] or _state["uses_asyncio"] or bool(_open)
    _open.clear()


os.register_at_fork(after_in_child=_in_child)


def require_usable() -> None:
    """Raises FailedPrecondition if gRPC does not work in this process."""
    if _state["is_broken"]:
        raise FailedPrecondition(
            "gRPC does not work in this process, since it was forked while calls were open: start processes with the "
            "method 'spawn' or 'forkserver' of multiprocessing, or connect only after the fork"
        )
