"""Bounded reading: which part of an artifact, in a shape that a language model can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from .._pb.artifacta.v1 import content_pb2
from . import methods
from .effects import Flow
from .errors import invalid
from .messages import ArtifactRef, names, piece_from, ref_message, require_text, whole
from .records import Piece
from .retry import Context, unary

Lines = int | range
"""The number of first lines, or of last lines if negative; or a range of line numbers, from 1: `range(10, 20)`."""


class Window(TypedDict, total=False):
    """Which part to read: at most one of `lines`, `grep`, `pointer`, `rows`, and `offset` with `limit`."""

    lines: Lines
    grep: str
    """Lines that match: a regular expression in RE2's syntax. With `ignore_case`, `before`, `after`, `max_matches`
    (100, at most 1,000) and `invert`."""
    pointer: str
    """The value that a JSON pointer (RFC 6901) leads to; empty: the whole document."""
    rows: Lines
    """Rows of a CSV table, without its header. With `columns` and `delimiter`."""
    offset: int
    limit: int
    ignore_case: bool
    before: int
    after: int
    max_matches: int
    invert: bool
    columns: Sequence[str]
    delimiter: str
    max_bytes: int
    """The size of one piece: 16 KiB, at most 1 MiB."""
    cursor: str
    """Continues where a piece ended: its `next_cursor`, with the same window and artifact."""


def read_request(
    ref: ArtifactRef,
    session: str | None,
    *,
    lines: Lines | None = None,
    grep: str | None = None,
    pointer: str | None = None,
    rows: Lines | None = None,
    offset: int | None = None,
    limit: int | None = None,
    ignore_case: bool = False,
    before: int = 0,
    after: int = 0,
    max_matches: int | None = None,
    invert: bool = False,
    columns: Sequence[str] | None = None,
    delimiter: str | None = None,
    max_bytes: int | None = None,
    cursor: str | None = None,
) -> content_pb2.ReadArtifactRequest:
    """Returns the request for one window. Raises InvalidArgument if two are named, or an option of another window."""
    given = {"lines": lines, "grep": grep, "pointer": pointer, "rows": rows}
    windows = [name for name, value in given.items() if value is not None]
    if offset is not None or limit is not None:
        windows.append("offset")
    if len(windows) > 1:
        raise invalid(
            windows[1],
            f"cannot be given together with {windows[0]}: give only one of lines, grep, pointer, rows and offset/limit",
        )
    request = content_pb2.ReadArtifactRequest(artifact=ref_message(ref, session), cursor=cursor or "")
    if max_bytes is not None:
        request.max_bytes = whole("max_bytes", max_bytes, 32)
    for name, owner, is_given in (
        ("ignore_case", "grep", ignore_case),
        ("before", "grep", before != 0),
        ("after", "grep", after != 0),
        ("max_matches", "grep", max_matches is not None),
        ("invert", "grep", invert),
        ("columns", "rows", columns is not None),
        ("delimiter", "rows", delimiter is not None),
    ):
        if is_given and windows != [owner]:
            raise invalid(name, f"needs {owner}")
    if lines is not None:
        _add_lines(request, lines)
    elif grep is not None:
        request.grep.pattern = require_text("grep", grep)
        request.grep.ignore_case = ignore_case
        request.grep.lines_before = whole("before", before, 32)
        request.grep.lines_after = whole("after", after, 32)
        request.grep.max_matches = whole("max_matches", max_matches or 0, 32)
        request.grep.invert = invert
    elif pointer is not None:
        request.json.pointer = require_text("pointer", pointer)
    elif rows is not None:
        first, count = _span("rows", rows)
        window = content_pb2.CsvWindow(
            first_row=first, count=count, columns=names("columns", columns), delimiter=delimiter or ""
        )
        request.csv.CopyFrom(window)
    elif windows:
        request.bytes.offset = whole("offset", offset or 0, 64)
        if limit is not None:
            request.bytes.limit = whole("limit", limit, 64)
    return request


def _add_lines(request: content_pb2.ReadArtifactRequest, lines: Lines) -> None:
    if isinstance(lines, int) and lines < 0:
        request.tail.lines = whole("lines", -lines, 64)
        return
    first, count = _span("lines", lines)
    request.lines.CopyFrom(content_pb2.LineWindow(first=first, count=count))


def _span(field: str, given: Any) -> tuple[int, int]:
    if isinstance(given, range):
        if given.step != 1 or given.start < 1:
            raise invalid(field, f"must be a range that begins at 1 or later, in steps of 1, not {given!r}")
        return given.start, len(given)
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise invalid(
            field, f"must be a count, such as 10 (the first 10), or a range, such as range(1, 11), not {given!r}"
        )
    return 1, given


def read(context: Context, request: content_pb2.ReadArtifactRequest) -> Flow[Piece]:
    return piece_from((yield from unary(context, methods.READ, request)))


class Pieces:
    """All pieces of a window, one in memory at a time. All belong to one version, whatever is committed meanwhile."""

    def __init__(self, context: Context, request: content_pb2.ReadArtifactRequest) -> None:
        self._context = context
        self._request: content_pb2.ReadArtifactRequest | None = request

    def next(self) -> Flow[Piece | None]:
        if self._request is None:
            return None
        piece = yield from read(self._context, self._request)
        if piece.next_cursor:
            self._request.artifact.id = piece.artifact.id
            self._request.cursor = piece.next_cursor
        else:
            self._request = None
        return piece

    def close(self) -> None:
        self._request = None
