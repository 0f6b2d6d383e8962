"""The client of Artifacta, a self-hosted, session-aware artifact store for AI agents.

    from artifacta_client import connect

    with connect() as store:
        with store.session("run_42", metadata={"agent": "billing"}) as session:
            session.push({"total": 42}, "report.json")

`artifacta_client.aio` has the same names for asyncio. `errors` has a class for each reason of the service.
"""

from . import errors
from ._core.errors import ArtifactaError
from ._core.messages import Ref
from ._core.records import (
    Artifact,
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
)
from ._core.retry import RetryPolicy
from ._sync.driver import Items
from ._sync.session import Session
from ._sync.store import Store, connect
from ._version import __version__

__all__ = [
    "Artifact",
    "ArtifactaError",
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
    "__version__",
    "connect",
    "errors",
]
