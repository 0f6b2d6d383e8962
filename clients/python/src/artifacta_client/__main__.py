"""A few commands for scripts: `python -m artifacta_client push FILE --session run_42`.

The command `artifacta` can do more. This one needs nothing but this package and a service.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import Artifact, ArtifactaError, SessionRecord, Store, __version__, connect

# Names in JSON are those of the protocol, as with `artifacta --json`.
_PROTOCOL_NAMES = {"media_type": "content_type", "parents": "inputs"}
_NAMES_OF_VALUES = ("state", "outcome", "expiry_source")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 1 for a failure, 2 for arguments that cannot be used."""
    given = _parser().parse_args(arguments)
    try:
        with connect(given.url) as store:
            given.run(store, given)
    except ArtifactaError as error:
        _fail(error, given.json)
        return 1
    except OSError as error:
        print(f"artifacta_client: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m artifacta_client", description="Commands for scripts.")
    parser.add_argument("--version", action="version", version=__version__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--url", help="the service (default: ARTIFACTA_URL, else that of the data directory)")
    common.add_argument("--json", action="store_true", help="print JSON, one object a line")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    push = commands.add_parser("push", parents=[common], help="store a file, or standard input")
    push.add_argument("file", help="a file, or - for standard input")
    push.add_argument("--session", required=True)
    push.add_argument("--name", help="default: the last part of the path")
    push.add_argument("--meta", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    push.add_argument("--request-id", help="with the same id, another process can repeat this push safely")
    push.add_argument("--media-type", help="default: the service guesses it from the name")
    push.set_defaults(run=_push)
    pull = commands.add_parser("pull", parents=[common], help="write an artifact to a file")
    pull.add_argument("ref", help="SESSION/NAME or art_…")
    pull.add_argument("--to", help="a file or a directory, or - for standard output")
    pull.set_defaults(run=_pull)
    ls = commands.add_parser("ls", parents=[common], help="list sessions, or the artifacts of one")
    ls.add_argument("session", nargs="?")
    ls.add_argument("--filter")
    ls.add_argument("--limit", type=int)
    ls.set_defaults(run=_ls)
    show = commands.add_parser("show", parents=[common], help="print a record")
    show.add_argument("ref", help="SESSION, SESSION/NAME or art_…")
    show.set_defaults(run=_show)
    return parser


def _push(store: Store, given: argparse.Namespace) -> None:
    content = sys.stdin.buffer if given.file == "-" else Path(given.file)
    wrong = next((pair for pair in given.meta if "=" not in pair), None)
    if wrong is not None:
        raise SystemExit(f"artifacta_client: --meta must be KEY=VALUE, not {wrong}")
    if given.file == "-" and given.name is None:
        raise SystemExit("artifacta_client: --name is required for standard input")
    artifact = store.session(given.session).push(
        content,
        given.name,
        metadata=dict(pair.split("=", 1) for pair in given.meta),
        request_id=given.request_id,
        media_type=given.media_type,
    )
    _print(artifact, given.json, f"{artifact.id}  {artifact.pushed:9}  {artifact.session}/{artifact.name}")


def _pull(store: Store, given: argparse.Namespace) -> None:
    if given.to == "-":
        with store.open(given.ref) as file:
            while piece := file.read(1024 * 1024):
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    path = store.pull(given.ref, given.to, progress=sys.stderr.isatty() and not given.json)
    _print({"path": path}, given.json, path)


def _ls(store: Store, given: argparse.Namespace) -> None:
    if given.session is None:
        for session in store.sessions(given.filter, limit=given.limit):
            state = session.outcome or session.state or ""
            _print(session.record, given.json, f"{session.id}  {state.lower()}")
    else:
        for artifact in store.query(given.filter, session=given.session, limit=given.limit):
            _print(artifact, given.json, f"{artifact.id}  {artifact.size_bytes:>12}  {artifact.name}")


def _show(store: Store, given: argparse.Namespace) -> None:
    is_artifact = "/" in given.ref or given.ref.startswith("art_")
    record = store.get(given.ref) if is_artifact else store.session(given.ref).refresh().record
    _print(record, True, "")


def _print(record: Artifact | SessionRecord | dict[str, str] | None, is_json: bool, line: str) -> None:
    print(json.dumps(_plain(record), ensure_ascii=False) if is_json else line)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        plain = {_PROTOCOL_NAMES.get(key, key): _plain(item) for key, item in vars(value).items()}
        names = {key: plain[key].lower() for key in _NAMES_OF_VALUES if isinstance(plain.get(key), str)}
        return {**plain, **names}
    return value


def _fail(error: ArtifactaError, is_json: bool) -> None:
    if is_json:
        fields = [{"field": one.field, "description": one.description} for one in error.violations]
        told = {"code": error.code, "reason": error.reason, "message": str(error), "fields": fields}
        print(json.dumps({"error": {**told, "metadata": dict(error.metadata)}}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"artifacta_client: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
