"""The end of the interpreter while threads are in calls of gRPC.

A thread that does not keep the program alive may wait within gRPC when the interpreter is taken apart. It would then go
on in what is gone, which has crashed programs. So such calls end first, and their threads go no further.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet

WAIT_SECONDS = 2.0
"""The longest time that the end of a program waits for threads to leave gRPC."""


class Ending(Protocol):
    def end_calls(self) -> None: ...


class _State:
    """The threads of this process that are within gRPC."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside = 0
        self.is_ending = False


_state = _State()
_connections: WeakSet[Ending] = WeakSet()


def register(connection: Ending) -> None:
    """Notes a connection whose calls have to end with the program."""
    _connections.add(connection)


@contextmanager
def inside() -> Iterator[None]:
    """Notes that this thread is within gRPC. A thread that leaves it while the program ends waits for the end here."""
    state = _state
    with state.changed:
        state.inside += 1
    try:
        yield
    finally:
        with state.changed:
            state.inside -= 1
            state.changed.notify_all()
        if state.is_ending and threading.current_thread().daemon:
            threading.Event().wait()


def threads_inside() -> int:
    """Returns the number of threads within gRPC."""
    return _state.inside


@atexit.register
def _end() -> None:
    with _state.changed:
        if _state.inside == 0:
            return
        _state.is_ending = True
    for connection in list(_connections):
        connection.end_calls()
    with _state.changed:
        _state.changed.wait_for(lambda: _state.inside == 0, WAIT_SECONDS)


def _in_child() -> None:
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_in_child)
