"""Paths `SESSION/NAME`, and the entries of what exists at them."""

from __future__ import annotations

import unicodedata
from typing import Any

from .._core.filters import quoted
from .._core.records import Artifact, SessionRecord

Entry = dict[str, Any]
"""What `info` tells: `name` (the path), `type`, `size`, and more."""


def split(path: str) -> tuple[str, str]:
    """Returns the session and the name of a path. An empty name: the session itself. Both empty: the root."""
    session, _, name = path.partition("/")
    return session, unicodedata.normalize("NFC", name)


def beginning(field: str, prefix: str) -> str:
    """Returns the filter for what begins with this text."""
    return f'{field} = {quoted(prefix)[:-1]}*"'


def file_entry(artifact: Artifact) -> Entry:
    """Returns the entry of an artifact."""
    return {
        "name": f"{artifact.session}/{artifact.name}",
        "type": "file",
        "size": artifact.size_bytes,
        "created": artifact.create_time,
        "mtime": artifact.create_time.timestamp(),
        "id": artifact.id,
        "version": artifact.version,
        "sha256": artifact.sha256,
        "media_type": artifact.media_type,
        "metadata": dict(artifact.metadata),
        "labels": dict(artifact.labels),
        "expires": artifact.expire_time,
    }


def directory_entry(path: str) -> Entry:
    """Returns the entry of a part of names before a `/`, or of the root."""
    return {"name": path, "type": "directory", "size": 0}


def session_entry(record: SessionRecord) -> Entry:
    """Returns the entry of a session, which is a directory."""
    told = {"created": record.create_time, "state": record.state, "outcome": record.outcome}
    return {**directory_entry(record.id), **told, "metadata": dict(record.metadata), "labels": dict(record.labels)}
