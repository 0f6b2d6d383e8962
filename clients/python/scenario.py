"""Runs the scenario for clients in every language (clients/README.md), with the blocking client or that for asyncio.

scenario.py [--aio]
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import artifacta_client
import blocking
from artifacta_client import ArtifactaError, Ref

Step = dict[str, Any]


def generated(size: int, start: int = 0) -> Iterator[bytes]:
    """Yields generated content in pieces of 64 KiB. Within 256 bytes from a multiple of 256, only the byte counts."""
    steps = bytes(i * 31 & 255 for i in range(256))
    for at in range(start, size, 65_536):
        rows = (at + offset for offset in range(0, min(65_536, size - at), 256))
        shifts = (((row >> 8) + (row >> 16) * 7) & 255 for row in rows)
        yield b"".join(steps.translate(bytes((value + shift) & 255 for value in range(256))) for shift in shifts)


class Stopped(Exception):
    """What a source raises half way."""


class Scenario:
    """The steps, by their names with `_` for `-`."""

    def __init__(self, connect: Callable[..., Any], as_source: Callable[[Iterator[bytes]], Any]) -> None:
        self._connect = connect
        self._as_source = as_source
        self.store = connect()

    def server(self, given: Step) -> Step:
        info = self.store.server_info()
        return {
            "authentication_required": info.authentication_required,
            "chunk_bytes": info.limits["chunk_bytes"],
            "has_method": given["method"] in info.methods,
            "max_inline_bytes": info.limits["max_inline_bytes"],
        }

    def open(self, given: Step) -> Step:
        settings = {key: given[key] for key in ("metadata", "labels", "expected_outputs")}
        record = self.store.session(given["session"], **settings).begin().record
        return {
            "agent": record.metadata["agent"],
            "city_hex": record.metadata["city"].encode().hex(),
            "expected_outputs": list(record.expected_outputs),
            "stage": record.labels["stage"],
            "state": record.state,
        }

    def _push(self, given: Step, content: Any, **more: Any) -> Any:
        kept = {key: given[key] for key in ("metadata", "labels", "request_id") if key in given}
        return self.store.session(given["session"]).push(content, given["name"], **kept, **more)

    def push_small(self, given: Step) -> Step:
        made = self._push(given, given["text"])
        more = {"inherited": list(made.inherited_metadata_keys), "kind": made.metadata["kind"]}
        return {**described(made), **more, "reviewed": made.labels["reviewed"]}

    def push_stream(self, given: Step) -> Step:
        return described(self._push(given, self._as_source(generated(given["generated_bytes"]))))

    push_again = push_stream

    def push_version(self, given: Step) -> Step:
        return described(self._push(given, given["text"]))

    def query(self, given: Step) -> Step:
        for number in range(given["pages"]):
            name, text = (given[key].replace("NN", f"{number:02}") for key in ("name", "text"))
            self._push({**given, "name": name}, text)
        page = self.store.query_page(given["filter"], order="oldest", page_size=given["page_size"])
        found = list(page.artifacts)
        while page.next_page_token:
            more = {"page_size": given["page_size"], "page_token": page.next_page_token}
            page = self.store.query_page(given["filter"], order="oldest", **more)
            found += page.artifacts
        names = sorted(artifact.name for artifact in found)
        all_names = sorted(artifact.name for artifact in self.store.query(given["filter"], order="oldest"))
        if all_names != names:
            raise AssertionError("query() and query_page() differ")
        first_page = len(self.store.query_page(given["filter"], page_size=given["page_size"]).artifacts)
        return {"count": len(names), "first": names[0], "first_page": first_page, "last": names[-1]}

    def pull(self, given: Step) -> Step:
        path = self.store.pull(Ref(given["session"], given["name"]), Path(os.environ["SCENARIO_DIR"]) / "pulled")
        data = Path(path).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        record = self.store.session(given["session"]).get(given["name"])
        return {"equal": sha256 == record.sha256, "sha256": sha256, "size_bytes": len(data)}

    def range(self, given: Step) -> Step:
        with self.store.open(Ref(given["session"], given["name"])) as file:
            file.seek(given["offset"])
            data = file.read(given["limit"])
        return {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}

    def read(self, given: Step) -> Step:
        session = self.store.session(given["session"])
        log, document = (session.push(given[key]["text"], given[key]["name"]).name for key in ("log", "document"))
        first = given["lines"]["first"]
        lines = session.read(log, lines=range(first, first + given["lines"]["count"]))
        grep = session.read(log, grep=given["grep"]["pattern"], max_matches=given["grep"]["max_matches"])
        head = session.read(log, max_bytes=given["max_bytes"])
        rest = session.read(log, max_bytes=given["max_bytes"], cursor=head.next_cursor)
        return {
            "grep": grep.text,
            "lines": lines.text,
            "matches": [match.line for match in grep.matches],
            "pieces": [head.text, rest.text],
            "pointer": session.read(document, pointer=given["pointer"]).text,
            "truncated": head.truncated,
        }

    def lineage(self, given: Step) -> Step:
        session = self.store.session(given["session"])
        source = session.get(given["input"])
        summary = session.push(given["summary"]["text"], given["summary"]["name"], parents=[source])
        report = session.push(given["report"]["text"], given["report"]["name"], parents=[summary.id])
        return {
            "derived": [edge_line(edge) for edge in session.lineage(source, "derived", depth=given["depth"])],
            "inputs": [edge_line(edge) for edge in session.lineage(report, "inputs", depth=given["depth"])],
        }

    def retry(self, given: Step) -> Step:
        first = self._push(given, given["text"])
        second = self._push(given, given["text"])
        other = reason_of(lambda: self._push(given, given["other_text"]))
        same = first.id == second.id
        return {"first": pushed(first), "other": other, "same_artifact": same, "second": pushed(second)}

    def errors(self, given: Step) -> Step:
        def call(case: Step) -> object:
            name = case["case"]
            if name == "bad-name":
                return self._push(case, case["text"])
            if name == "bad-filter":
                return list(self.store.query(case["filter"]))
            if name == "conflict":
                return self.store.session(case["session"], metadata=case["metadata"]).begin()
            if name == "no-scope":
                return self.store.session(case["session"]).share(case["name"])
            if name == "bad-token":
                with self._connect(token=case["token"]) as other:
                    return other.session(case["session"]).get(case["name"])
            return self.store.session(case["session"]).get(case["name"])

        found = []
        for case in given["cases"]:
            error = failure_of(lambda case=case: call(case))
            field = (error.field or "").rpartition(".")[2]
            found.append({"case": case["case"], "code": error.code, "field": field, "reason": error.reason or ""})
        return {"errors": found}

    def cancel(self, given: Step) -> Step:
        def source() -> Iterator[bytes]:
            sent = 0
            for piece in generated(given["generated_bytes"]):
                if sent >= given["sent_bytes"]:
                    raise Stopped
                sent += len(piece)
                yield piece

        failed = False
        try:
            self._push(given, self._as_source(source()))
        except Stopped:
            failed = True
        after = reason_of(lambda: self.store.session(given["session"]).get(given["name"]))
        return {"after": after, "failed": failed}

    def compressed(self, given: Step) -> Step:
        with self._connect(compress=True) as store:
            made = store.session(given["session"]).push(given["text"] * given["times"], given["name"])
        return described(made)

    def watch(self, given: Step) -> Step:
        events = []
        for event in self.store.session(given["session"]).watch():
            if not events:
                self.store.session(given["session"]).seal(given["outcome"])
            events.append(event)
        session = events[-1].session
        return {
            "artifact_count": session.artifact_count,
            "committed": sum(event.kind == "committed" for event in events),
            "last": events[-1].kind,
            "missing_outputs": list(session.missing_outputs),
            "outcome": session.outcome,
            "state": session.state,
        }

    def sealed(self, given: Step) -> Step:
        error = failure_of(lambda: self._push(given, given["text"]))
        again = given["retry"]
        return {
            "code": error.code,
            "other_seal": reason_of(lambda: self.store.session(given["session"]).seal(given["other_outcome"])),
            "outcome": error.metadata["outcome"],
            "reason": error.reason,
            "retry": pushed(self._push({**again, "session": given["session"]}, again["text"])),
        }

    def older(self, given: Step) -> Step:
        with self._connect(os.environ["SCENARIO_OLDER_URL"]) as store:
            info = failure_of(store.server_info)
            made = store.session(given["session"]).push(given["text"], given["name"])
            lineage = failure_of(lambda: list(store.lineage(made)))
        return {
            "info_code": info.code,
            "info_reason": info.reason,
            "lineage_code": lineage.code,
            "pushed": pushed(made),
        }

    def newer(self, given: Step) -> Step:
        with self._connect(os.environ["SCENARIO_NEWER_URL"]) as store:
            session = store.session(given["session"])
            info = store.server_info()
            size_bytes = session.get(given["name"]).size_bytes
            error = failure_of(lambda: session.push(given["text"], given["name"]))
            events = list(session.watch())
        return {
            "code": error.code,
            "committed": sum(event.kind == "committed" for event in events),
            "has_feature": given["feature"] in info.features,
            "outcome": events[-1].session.outcome,
            "reason": error.reason,
            "size_bytes": size_bytes,
            "version": info.version,
        }


def described(artifact: Any) -> Step:
    return {
        "content_type": artifact.media_type,
        "name": artifact.name,
        "pushed": pushed(artifact),
        "sha256": artifact.sha256,
        "size_bytes": artifact.size_bytes,
        "version": artifact.version,
    }


def pushed(artifact: Any) -> str:
    return "replayed" if artifact.replayed else str(artifact.pushed)


def edge_line(edge: Any) -> str:
    return f"{edge.depth} {edge.artifact.name} {edge.artifact.version}"


def failure_of(call: Callable[[], object]) -> ArtifactaError:
    try:
        call()
    except ArtifactaError as error:
        return error
    raise AssertionError("it did not fail")


def reason_of(call: Callable[[], object]) -> str:
    return failure_of(call).reason or ""


def main() -> None:
    loop = asyncio.new_event_loop()
    is_aio = "--aio" in sys.argv[1:]
    scenario = Scenario(
        (lambda *args, **kwargs: blocking.connect(loop, *args, **kwargs)) if is_aio else artifacta_client.connect,
        blocking.awaited if is_aio else iter,
    )
    text = Path(os.environ["SCENARIO_FILE"]).read_text(encoding="utf-8")
    for step in json.loads(text.replace("{prefix}", os.environ["SCENARIO_PREFIX"]))["steps"]:
        name = step["step"]
        try:
            line = getattr(scenario, re.sub("-", "_", name))(step["in"])
        except Exception as error:
            line = {"failed": f"{type(error).__name__}: {error}".replace("\n", " ")}
        print(json.dumps({**line, "step": name}, sort_keys=True, separators=(",", ":")), flush=True)
    scenario.store.close()
    loop.close()


if __name__ == "__main__":
    main()
