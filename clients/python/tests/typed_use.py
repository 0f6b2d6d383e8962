"""What a program with types sees of the package. mypy reads this file with `--strict` (test.sh); it is never run."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from artifacta_client import Artifact, Event, Items, Piece, Session, Store, Ticket, aio, connect, errors

if TYPE_CHECKING:
    from typing_extensions import assert_type


def blocking() -> None:
    with connect("grpc://127.0.0.1:50051", timeout=3) as store:
        assert_type(store, Store)
        with store.session("run", metadata={"a": "b"}) as session:
            assert_type(session, Session)
            made = session.push(Path("x"))
            assert_type(made, Artifact)
            assert_type(made.pushed, Literal["new", "version", "unchanged"] | None)
            session.push(iter([b"x"]), "n", progress=True, parents=[made])
            session.push({"a": [1]}, "n.json", progress=lambda progress: print(progress.bytes))
        assert_type(store.query(session="run"), Items[Artifact])
        assert_type(next(session.watch()), Event)
        assert_type(store.read(made, lines=range(1, 3)), Piece)
        with store.open(made.id) as file:
            assert_type(file, io.BufferedReader)
        assert_type(session.wait(1).outcome, Literal["SUCCEEDED", "FAILED", "CANCELLED", "ABANDONED"] | None)
        assert_type(store.ticket("read", made, ttl=60), Ticket)
        assert_type(session.ticket("push", name="n", max_bytes=3, artifact_ttl=60).uri, str | None)
        store.ticket("get", made)  # type: ignore[arg-type]
        session.ticket("archive", session="run")  # type: ignore[call-arg]
        try:
            store.get("run/n")
        except errors.ArtifactNotFound as error:
            assert_type(error.reason, str | None)
        store.read(made, line=3)  # type: ignore[call-arg]


async def with_asyncio() -> None:
    async with aio.connect() as store:
        assert_type(store, aio.Store)
        async with store.session() as session:
            assert_type(await session.push("x", "n"), Artifact)
        assert_type(await store.ticket("archive", session="run"), Ticket)
        assert_type([one async for one in session.query()], list[Artifact])
        async with await store.open("run/n") as file:
            assert_type(await file.read(3), bytes)


asyncio.run(with_asyncio())
