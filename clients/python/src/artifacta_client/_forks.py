"""gRPC in a process that was forked: what can be used, and what has to be said."""

from __future__ import annotations

import os

from ._core.errors import FailedPrecondition

_state = {"used": False, "copied": False}


def _in_child() -> None:
    _state["copied"] = _state["used"]


os.register_at_fork(after_in_child=_in_child)


def require_usable() -> None:
    """Notes that this process uses gRPC. Raises FailedPrecondition if it is the copy of one that did.

    The threads of gRPC are not copied by a fork, so that a call in the child would never end.
    """
    if _state["copied"] and os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "0").lower() not in ("1", "true", "yes"):
        raise FailedPrecondition(
            "this process was forked from one that had connected, and gRPC does not work in it: start processes with "
            "multiprocessing's method 'spawn' or 'forkserver', or connect only after the fork"
        )
    _state["used"] = True
