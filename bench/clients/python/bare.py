"""The bare program: reads, hashes and sends the same bytes by stubs of grpcio and generated messages, nothing else.

bare.py [--aio] ACTION NAME FILE
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The messages of the client without its code: its package is replaced by an empty one in the same place.
_PACKAGE = Path(__file__).parents[3] / "clients/python/src/artifacta_client"
_empty = types.ModuleType("artifacta_client")
_empty.__path__ = [str(_PACKAGE)]
sys.modules["artifacta_client"] = _empty

import grpc  # noqa: E402
import grpc.aio  # noqa: E402
from artifacta_client._pb.artifacta.v1 import artifact_pb2, content_pb2, upload_pb2  # noqa: E402

CHUNK_BYTES = 1024 * 1024
SERVICE = "/artifacta.v1.ArtifactService"


def upload(channel: Any) -> Any:
    return channel.stream_unary(
        f"{SERVICE}/UploadArtifact",
        request_serializer=upload_pb2.UploadArtifactRequest.SerializeToString,
        response_deserializer=upload_pb2.UploadArtifactResponse.FromString,
    )


def requests(name: str, path: str) -> Iterator[upload_pb2.UploadArtifactRequest]:
    message = upload_pb2.UploadArtifactRequest
    hasher = hashlib.sha256()
    size = 0
    yield message(start=upload_pb2.UploadStart(spec=upload_pb2.ArtifactSpec(session="bench", name=name)))
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
            size += len(chunk)
            yield message(chunk=chunk)
    yield message(finish=upload_pb2.UploadFinish(size_bytes=size, sha256=hasher.hexdigest()))


def download(channel: Any, name: str) -> Any:
    ref = artifact_pb2.ArtifactRef(name=artifact_pb2.ArtifactName(session="bench", name=name))
    return channel.unary_stream(
        f"{SERVICE}/DownloadArtifact",
        request_serializer=content_pb2.DownloadArtifactRequest.SerializeToString,
        response_deserializer=content_pb2.DownloadArtifactResponse.FromString,
    )(content_pb2.DownloadArtifactRequest(artifact=ref))


class Pulled:
    """The file of a pull, and the digest of its bytes."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115
        self._hasher = hashlib.sha256()
        self._expected = ""

    def take(self, answer: content_pb2.DownloadArtifactResponse) -> None:
        if answer.WhichOneof("part") == "artifact":
            self._expected = answer.artifact.sha256
        else:
            chunk = answer.chunk
            self._hasher.update(chunk)
            self._file.write(chunk)

    def close(self) -> None:
        self._file.close()
        if self._hasher.hexdigest() != self._expected:
            sys.exit("other bytes have arrived")


def blocking(target: str, action: str, name: str, path: str) -> None:
    with grpc.insecure_channel(target) as channel:
        if action == "push":
            upload(channel)(requests(name, path))
            return
        pulled = Pulled(path)
        for answer in download(channel, name):
            pulled.take(answer)
        pulled.close()


async def with_asyncio(target: str, action: str, name: str, path: str) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        if action == "push":
            call = upload(channel)()
            for request in requests(name, path):
                await call.write(request)
            await call.done_writing()
            await call
            return
        pulled = Pulled(path)
        async for answer in download(channel, name):
            pulled.take(answer)
        pulled.close()


def main() -> None:
    is_aio = sys.argv[1] == "--aio"
    action, name, path = sys.argv[-3:]
    print("ready", flush=True)
    sys.stdin.readline()
    target = os.environ["ARTIFACTA_URL"].removeprefix("grpc://")
    if is_aio:
        asyncio.run(with_asyncio(target, action, name, path))
    else:
        blocking(target, action, name, path)
    print("done", flush=True)
    sys.stdin.read()


main()
