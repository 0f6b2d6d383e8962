"""The client with asyncio: the names of `artifacta_client`, whose calls are awaited.

async with connect() as store:
    async with store.session("run_42", metadata={"agent": "billing"}) as session:
        await session.push({"total": 42}, "report.json")
"""

from ._aio.driver import Items
from ._aio.files import ArtifactFile
from ._aio.session import Session
from ._aio.store import Store, connect

__all__ = ["ArtifactFile", "Items", "Session", "Store", "connect"]
