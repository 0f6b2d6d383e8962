"""Filters from values, so that no caller has to quote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from .errors import invalid
from .messages import require_text

Since = datetime | timedelta | str
"""From this instant on: a `datetime` with a time zone, so long ago (a `timedelta`), or the same as a text: `7d`."""


def combined(filter: str | None, metadata: Mapping[str, str] | None, since: Since | None) -> str:
    """Returns the filter that holds if the given one holds, all metadata are equal, and the artifact is not older."""
    parts = [f"({filter})"] if filter else []
    parts += [
        f"metadata.{_key(key)} = {quoted(require_text(f'metadata.{key}', value))}"
        for key, value in (metadata or {}).items()
    ]
    if since is not None:
        parts.append(f"create_time >= {_time(since)}")
    return filter if filter and len(parts) == 1 else " AND ".join(parts)


def quoted(text: str) -> str:
    """Returns the text in quotes, as the language of filters reads it."""
    escaped = re.sub(r"""(["'*\\])""", r"\\\1", text)
    return f'"{escaped}"'


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def _time(since: Since) -> str:
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise invalid("since", "must have a time zone, e.g. datetime.now(timezone.utc)")
        return quoted(since.isoformat())
    if isinstance(since, timedelta):
        return f"now-{since.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"
    if not re.fullmatch(r"\d+(\.\d+)?[smhdw]", since):
        raise invalid("since", f"must be a datetime, a timedelta, or a text such as 7d, 12h or 30m, not {since!r}")
    return f"now-{since}"
