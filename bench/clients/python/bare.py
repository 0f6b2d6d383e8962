"""The bare program: reads, hashes and sends the same bytes by stubs of grpcio and generated messages, nothing else."""

from __future__ import annotations

import hashlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

# The messages of the client without its code: its package is replaced by an empty one in the same place.
_PACKAGE = Path(__file__).parents[3] / "clients/python/src/artifacta_client"
_empty = types.ModuleType("artifacta_client")
_empty.__path__ = [str(_PACKAGE)]
sys.modules["artifacta_client"] = _empty

import grpc  # noqa: E402
from artifacta_client._pb.artifacta.v1 import artifact_pb2, content_pb2, upload_pb2  # noqa: E402

CHUNK_BYTES = 1024 * 1024
SERVICE = "/artifacta.v1.ArtifactService"


def push(channel: grpc.Channel, name: str, path: str) -> None:
    def requests() -> Iterator[upload_pb2.UploadArtifactRequest]:
        message = upload_pb2.UploadArtifactRequest
        hasher = hashlib.sha256()
        size = 0
        spec = upload_pb2.ArtifactSpec(session="bench", name=name)
        yield message(start=upload_pb2.UploadStart(spec=spec))
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                hasher.update(chunk)
                size += len(chunk)
                yield message(chunk=chunk)
        yield message(finish=upload_pb2.UploadFinish(size_bytes=size, sha256=hasher.hexdigest()))

    channel.stream_unary(
        f"{SERVICE}/UploadArtifact",
        request_serializer=upload_pb2.UploadArtifactRequest.SerializeToString,
        response_deserializer=upload_pb2.UploadArtifactResponse.FromString,
    )(requests())


def pull(channel: grpc.Channel, name: str, path: str) -> None:
    ref = artifact_pb2.ArtifactRef(name=artifact_pb2.ArtifactName(session="bench", name=name))
    answers = channel.unary_stream(
        f"{SERVICE}/DownloadArtifact",
        request_serializer=content_pb2.DownloadArtifactRequest.SerializeToString,
        response_deserializer=content_pb2.DownloadArtifactResponse.FromString,
    )(content_pb2.DownloadArtifactRequest(artifact=ref))
    expected = next(answers).artifact.sha256
    hasher = hashlib.sha256()
    with open(path, "wb", buffering=0) as file:
        for answer in answers:
            hasher.update(answer.chunk)
            file.write(answer.chunk)
    if hasher.hexdigest() != expected:
        sys.exit("other bytes have arrived")


def main() -> None:
    action, name, path = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    with grpc.insecure_channel(os.environ["ARTIFACTA_URL"].removeprefix("grpc://")) as channel:
        {"push": push, "pull": pull}[action](channel, name, path)
    print("done", flush=True)
    sys.stdin.read()


main()
