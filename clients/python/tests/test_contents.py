"""What may be pushed, each kind as the caller has it."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import subprocess
from collections import OrderedDict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import Service

import artifacta_client
import artifacta_client.aio
from artifacta_client import errors

BIG = os.urandom(600_000)


def stored(session: Any, name: str) -> bytes:
    with session.open(name) as file:
        return bytes(file.read())


@pytest.mark.parametrize("data", [b"", b"small", BIG])
def test_bytes_in_every_form(session: Any, data: bytes) -> None:
    for number, content in enumerate((data, bytearray(data), memoryview(data), iter([data]))):
        name = f"n{number}"
        session.push(content, name)
        assert stored(session, name) == data


def test_views_that_are_not_of_bytes(session: Any) -> None:
    import array

    numbers = array.array("i", range(1000))
    session.push(memoryview(numbers), "n")
    assert stored(session, "n") == numbers.tobytes()


def test_text_is_text_and_a_path_is_a_file(session: Any, tmp_path: Path) -> None:
    path = tmp_path / "größe 1.txt"
    path.write_bytes(b"in the file")
    assert session.push(path).name == "größe 1.txt"
    assert stored(session, "größe 1.txt") == b"in the file"
    assert session.push(path, "other/name").name == "other/name"
    session.push(str(path), "text")
    assert stored(session, "text") == str(path).encode()
    with pytest.raises(errors.InvalidArgument, match="pathlib.Path") as caught:
        session.push(str(path))
    assert caught.value.field == "name"


def test_files_that_are_open(session: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(BIG)
    with path.open("rb") as file:
        file.seek(10)
        assert session.push(file).name == "a.bin"
    assert stored(session, "a.bin") == BIG[10:]
    session.push(io.BytesIO(BIG), "memory")
    assert stored(session, "memory") == BIG
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(BIG)
    with gzip.open(tmp_path / "a.gz") as file:
        session.push(file, "unzipped")
    assert stored(session, "unzipped") == BIG
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as process:
        session.push(process.stdout, "piped")
    assert stored(session, "piped") == BIG
    with path.open(encoding="latin-1") as text, pytest.raises(errors.InvalidArgument, match="'rb'"):
        session.push(text)


def test_iterables(session: Any) -> None:
    def pieces() -> Iterator[bytes]:
        for at in range(0, len(BIG), 1000):
            yield BIG[at : at + 1000]

    session.push(pieces(), "pieces")
    session.push({b"once": 1}.keys(), "keys")
    session.push((BIG, bytearray(b"x"), memoryview(b"y")), "tuple")
    assert stored(session, "pieces") == BIG
    assert stored(session, "keys") == b"once"
    assert stored(session, "tuple") == BIG + b"xy"
    with pytest.raises(errors.InvalidArgument, match="gave str"):
        session.push(iter(["text"]), "n")


def test_asynchronous_iterables(service: Service) -> None:
    async def pieces() -> Any:
        for at in range(0, len(BIG), 100_000):
            yield BIG[at : at + 100_000]
            await asyncio.sleep(0)

    async def run() -> None:
        async with artifacta_client.aio.connect(service.url) as store, store.session() as session:
            await session.push(pieces(), "n")
            async with await session.open("n") as file:
                assert await file.read() == BIG

    asyncio.run(run())
    with artifacta_client.connect(service.url) as store, pytest.raises(errors.InvalidArgument, match="aio"):
        store.session().push(pieces(), "n")


def test_an_asynchronous_generator_is_ended_if_the_service_refuses(service: Service) -> None:
    async def run() -> list[bool]:
        closed = []

        async def pieces() -> Any:
            try:
                while True:
                    yield BIG
            finally:
                closed.append(True)

        source = pieces()
        async with artifacta_client.aio.connect(service.url) as store:
            session = await store.session().begin()
            await session.seal()
            with pytest.raises(errors.SessionSealed):
                await session.push(source, "n")
        return list(closed)

    assert asyncio.run(run()) == [True]


def test_json(session: Any) -> None:
    made = session.push({"größe": [1, 2.5, None]}, "a.json")
    assert (made.media_type, stored(session, "a.json").decode()) == ("application/json", '{"größe":[1,2.5,null]}')
    assert session.push([1, {"a": "b"}], "list").media_type == "application/json"
    session.push(OrderedDict(b=1, a=2), "ordered.json")
    assert json.loads(stored(session, "ordered.json")) == {"b": 1, "a": 2}
    for content in ({"a": object()}, {"a": float("nan")}, [b"bytes"], {"a": {1, 2}}):
        with pytest.raises(errors.InvalidArgument, match="must be JSON") as caught:
            session.push(content, "n")
        assert caught.value.field == "content"


def test_what_is_none_of_these(session: Any, tmp_path: Path) -> None:
    for content in (42, None, object()):
        with pytest.raises(errors.InvalidArgument, match="must be a path, bytes, text"):
            session.push(content, "n")
    with pytest.raises(errors.InvalidArgument, match="a directory"):
        session.push(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.InvalidArgument, match="a pipe"):
        session.push(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        session.push(tmp_path / "none")
    with pytest.raises(errors.InvalidArgument, match="name: is required"):
        session.push(b"bytes")
    assert list(artifacts_of(session)) == []


def artifacts_of(session: Any) -> list[Any]:
    try:
        return list(session.query())
    except errors.SessionNotFound:
        return []


class TestFrames:
    pytestmark = pytest.mark.skipif(find_spec("pandas") is None, reason="pandas is not installed in this environment")

    def test_parquet_and_csv(self, session: Any) -> None:
        import pandas

        frame = pandas.DataFrame({"name": ["größe", "b"], "total": [1.5, 2.0]})
        assert session.push(frame, "t.csv").media_type == "text/csv"
        assert stored(session, "t.csv").decode() == "name,total\ngröße,1.5\nb,2.0\n"
        session.push(frame, "t.parquet")
        assert session.push(frame, "t").media_type == "application/vnd.apache.parquet"
        for name in ("t.parquet", "t"):
            with session.open(name) as file:
                data = file.read()
            pandas.testing.assert_frame_equal(pandas.read_parquet(io.BytesIO(data)), frame)

    def test_pandas_reads_an_artifact_that_is_open(self, service: Service) -> None:
        import pandas

        frame = pandas.DataFrame({"a": range(100_000)})
        with artifacta_client.connect(service.url) as store, store.session() as session:
            session.push(frame, "t.parquet"), session.push(frame, "t.csv")
            with session.open("t.parquet") as file:
                pandas.testing.assert_frame_equal(pandas.read_parquet(file), frame)
            with session.open("t.csv") as file:
                pandas.testing.assert_frame_equal(pandas.read_csv(file), frame)
