"""A `Part` of ADK as content with metadata, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_KEY = "adk.part"
_VALUE_CHARACTERS_MAX = 1_000
_ABSENT = types.Part(inline_data=types.Blob(mime_type="application/octet-stream", data=b""))
"""What a rewind saves for an artifact that did not exist."""


@dataclass(frozen=True)
class Stored:
    """What is pushed for a part."""

    data: bytes
    media_type: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Described:
    """What is remembered of a part in addition to its bytes."""

    kind: str
    """`text`, `data`, or `file`: a reference, which is the content itself."""
    rest: Mapping[str, Any]
    """The other fields of the part, as JSON."""
    custom: Mapping[str, Any]
    mime_type: str | None


def stored(part: types.Part, custom: Mapping[str, Any] | None) -> Stored:
    """Returns what to push. Raises InputValidationError for a part without content."""
    rest = part.model_dump(mode="json", exclude_none=True)
    if part.inline_data is not None:
        kind, data, media_type = "data", part.inline_data.data or b"", part.inline_data.mime_type
        has_data = rest["inline_data"].pop("data", None) is not None
        rest = rest if has_data else {**rest, "has_no_data": True}
    elif part.text is not None:
        kind, data, media_type = "text", part.text.encode("utf-8", "surrogatepass"), "text/plain"
        del rest["text"]
    elif part.file_data is not None:
        kind, media_type = "file", part.file_data.mime_type
        data = json.dumps(rest.pop("file_data")).encode()
    else:
        raise InputValidationError("artifact: must have inline_data, text or file_data")
    told = {"kind": kind, "mime_type": media_type, "rest": rest, "custom": dict(custom or {})}
    known = media_type if kind != "file" and media_type and _MEDIA_TYPE.fullmatch(media_type) else None
    return Stored(data, "application/json" if kind == "file" else known, _in_pieces(told))


def _in_pieces(told: Mapping[str, Any]) -> dict[str, str]:
    try:
        text = json.dumps({key: value for key, value in told.items() if value}, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InputValidationError(f"custom_metadata: must be JSON: {error}") from error
    pieces = range(0, len(text), _VALUE_CHARACTERS_MAX)
    return {f"{_KEY}.{number}": text[at : at + _VALUE_CHARACTERS_MAX] for number, at in enumerate(pieces)}


def described(metadata: Mapping[str, str], media_type: str) -> Described:
    """Returns what was remembered. An artifact that another program pushed is data of its media type."""
    text, number = "", 0
    while (piece := metadata.get(f"{_KEY}.{number}")) is not None:
        text, number = text + piece, number + 1
    if not text:
        return Described("data", {"inline_data": {"mime_type": media_type}}, {}, media_type)
    told = json.loads(text)
    return Described(told["kind"], told.get("rest", {}), told.get("custom", {}), told.get("mime_type"))


def described_again(told: Described, custom: Mapping[str, Any] | None) -> dict[str, str]:
    """Returns the metadata for the same part with other metadata of the caller."""
    return _in_pieces(
        {"kind": told.kind, "mime_type": told.mime_type, "rest": dict(told.rest), "custom": dict(custom or {})}
    )


def part_of(told: Described, data: bytes) -> types.Part | None:
    """Returns the part. None: a rewind says that the artifact does not exist."""
    rest = dict(told.rest)
    has_no_data = rest.pop("has_no_data", False)
    part: types.Part = types.Part.model_validate_json(json.dumps(rest))
    if told.kind == "text":
        part.text = data.decode("utf-8", "surrogatepass")
    elif told.kind == "file":
        part.file_data = types.FileData.model_validate_json(data)
    else:
        part.inline_data = part.inline_data or types.Blob()
        part.inline_data.data = None if has_no_data else data
    return None if part == _ABSENT else part
