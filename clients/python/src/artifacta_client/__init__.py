"""The client of Artifacta, a self-hosted, session-aware artifact store for AI agents.

    from artifacta_client import connect

    with connect() as store:
        with store.session("run_42", metadata={"agent": "billing"}) as session:
            session.push({"total": 42}, "report.json")

`artifacta_client.aio` has the same names for asyncio. `errors` has a class for each reason of the service.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import errors
    from ._core.errors import ArtifactaError
    from ._core.messages import Ref
    from ._core.records import (
        Artifact,
        Caller,
        Difference,
        Edge,
        Event,
        Explanation,
        KeepLast,
        Lease,
        Link,
        Manifest,
        Match,
        Page,
        Piece,
        Progress,
        Retention,
        ServerInfo,
        SessionRecord,
        Ticket,
    )
    from ._core.retry import RetryPolicy
    from ._sync.driver import Items
    from ._sync.files import ArtifactFile
    from ._sync.session import Session
    from ._sync.store import Store, connect

__all__ = [
    "Artifact",
    "ArtifactFile",
    "ArtifactaError",
    "Caller",
    "Difference",
    "Edge",
    "Event",
    "Explanation",
    "Items",
    "KeepLast",
    "Lease",
    "Link",
    "Manifest",
    "Match",
    "Page",
    "Piece",
    "Progress",
    "Ref",
    "Retention",
    "RetryPolicy",
    "ServerInfo",
    "Session",
    "SessionRecord",
    "Store",
    "Ticket",
    "__version__",
    "connect",
    "errors",
]

_homes = {
    "ArtifactFile": "_sync.files",
    "ArtifactaError": "_core.errors",
    "Items": "_sync.driver",
    "Ref": "_core.messages",
    "RetryPolicy": "_core.retry",
    "Session": "_sync.session",
    "Store": "_sync.store",
    "connect": "_sync.store",
}


def __getattr__(name: str) -> Any:
    """Imports what a name stands for when it is first used: a program that imports this package may never connect."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "errors":
        return import_module(f"{__name__}.errors")
    found = getattr(import_module(f"{__name__}.{_homes.get(name, '_core.records')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
