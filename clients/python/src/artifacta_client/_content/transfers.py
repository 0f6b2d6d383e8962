"""A push from any kind of content, and a pull to a file, each with what is shown of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from .._core.effects import Flow
from .._core.messages import ArtifactRef, Ttl
from .._core.pushing import Push, spec_message
from .._core.records import Artifact
from .._core.retry import Context
from .._progress import Progressing, Shown
from . import files
from .kinds import Kind


def push(
    context: Context,
    reading: Flow[Kind],
    session: str,
    *,
    metadata: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
    media_type: str | None,
    ttl: Ttl | None,
    parents: Sequence[str | Artifact] | None,
    request_id: str | None,
    new_version: bool,
    progress: Progressing,
) -> Flow[Artifact]:
    """Stores the content that `reading` gives."""
    kind = yield from reading
    spec = spec_message(
        session,
        kind.name,
        metadata=metadata,
        labels=labels,
        media_type=media_type or kind.media_type,
        ttl=ttl,
        parents=parents,
        request_id=request_id,
        new_version=new_version,
    )
    shown = Shown(progress, kind.name)
    try:
        return (yield from Push(context, spec, shown.on_progress).run(kind.source))
    finally:
        shown.close()


def pull(
    context: Context, ref: ArtifactRef, session: str | None, to: str | os.PathLike[str] | None, progress: Progressing
) -> Flow[str]:
    """Writes an artifact to a file, and returns its path."""
    shown = Shown(progress, ref.name if isinstance(ref, Artifact) else str(ref))
    try:
        return (yield from files.pull(context, ref, session, to, shown.on_progress))
    finally:
        shown.close()
