"""The Python client: blocking, or with asyncio (--aio). The session is not sealed: nothing but the bytes counts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import artifacta_client
from artifacta_client import Ref, aio

CHUNK_BYTES = 1024 * 1024


def pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def blocking(action: str, name: str, path: str) -> None:
    with artifacta_client.connect() as store:
        if action == "pull":
            store.pull(Ref("bench", name), path)
        else:
            store.session("bench").push(Path(path) if action == "push" else pieces(path), name)


async def with_asyncio(action: str, name: str, path: str) -> None:
    async with aio.connect() as store:
        if action == "pull":
            await store.pull(Ref("bench", name), path)
        else:
            await store.session("bench").push(Path(path) if action == "push" else pieces(path), name)


def main() -> None:
    is_aio = sys.argv[1] == "--aio"
    action, name, path = sys.argv[-3:]
    print("ready", flush=True)
    sys.stdin.readline()
    if is_aio:
        asyncio.run(with_asyncio(action, name, path))
    else:
        blocking(action, name, path)
    print("done", flush=True)
    sys.stdin.read()


main()
