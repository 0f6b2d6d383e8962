"""Sessions and names of ADK, which are free text, as those of Artifacta, and back."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

_ESCAPED = re.compile(r"[%\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_ESCAPE = re.compile(r"(?:%[0-9A-F]{2})+")
_EMPTY = "%"
"""Stands for an empty segment; every other `%` is followed by two digits."""
_SHOWN_MAX = 30


def session_of(app_name: str, user_id: str, session_id: str | None) -> str:
    """Returns the id of the session for a session of ADK, or (None) for what all sessions of a user share.

    Equal ids of ADK give equal ids, and different ones different ones; the beginnings are for people.
    """
    key = json.dumps([app_name, user_id, session_id])
    shown = [_shown(app_name), "user" if session_id is None else _shown(session_id)]
    return ".".join(["adk", *shown, hashlib.sha256(key.encode()).hexdigest()[:32]])


def _shown(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "_", text)[:_SHOWN_MAX]


def name_of(filename: str) -> str:
    """Returns the name of an artifact for a filename of ADK, which may be any text."""
    name = "/".join(_segment(segment) for segment in filename.split("/"))
    # The service compares names in NFC: another form of the same characters is another filename.
    return name if unicodedata.normalize("NFC", name) == name else _NOT_ASCII.sub(_escape, name)


def _segment(segment: str) -> str:
    if segment in ("", ".", ".."):
        return segment.replace(".", "%2E") or _EMPTY
    return _ESCAPED.sub(_escape, segment)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def filename_of(name: str) -> str:
    """Returns the filename of ADK for the name of an artifact."""
    segments = ("" if segment == _EMPTY else _ESCAPE.sub(_meant, segment) for segment in name.split("/"))
    return "/".join(segments)


def _meant(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogatepass")
