"""The scenario by connectrpc for Python: in Connect's protocol, as gRPC or as gRPC-Web. It compresses by default."""

import hashlib
import json
import os
import sys
import traceback

from connectrpc.errors import ConnectError
from connectrpc.protocol import ProtocolType
from gen.artifacta.v1 import artifact_pb, artifact_service_pb, content_pb, lineage_pb, outcome_pb, query_pb
from gen.artifacta.v1 import info_service_pb, session_service_pb, share_link_pb, upload_pb, watch_pb
from gen.artifacta.v1.artifact_service_connect import ArtifactServiceClientSync
from gen.artifacta.v1.info_service_connect import InfoServiceClientSync
from gen.artifacta.v1.session_service_connect import SessionServiceClientSync
from gen.google.rpc.error_details_pb import BadRequest, ErrorInfo
from protobuf import Oneof
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport

PROTOCOL = {"connect": ProtocolType.CONNECT, "grpc": ProtocolType.GRPC, "grpc-web": ProtocolType.GRPC_WEB}[sys.argv[1]]
IS_GRPC = PROTOCOL == ProtocolType.GRPC
CHUNK_BYTES = 1 << 20


class Service:
    """The stubs of one service; `at` is the beginning of the variable with its URL."""

    def __init__(self, at=""):
        if IS_GRPC:
            url = os.environ[f"SCENARIO_{at}URL" if at else "ARTIFACTA_URL"].replace("grpc://", "http://")
            # Without TLS, HTTP/2 has to be asked for.
            http = {"http_client": SyncClient(SyncHTTPTransport(http_version=HTTPVersion.HTTP2))}
        else:
            url, http = os.environ[f"SCENARIO_{at}HTTP_URL"], {}
        self.artifacts = ArtifactServiceClientSync(url, protocol=PROTOCOL, **http)
        self.sessions = SessionServiceClientSync(url, protocol=PROTOCOL, **http)
        self.info = InfoServiceClientSync(url, protocol=PROTOCOL, **http)


def headers(token=None):
    return {"headers": {"authorization": f"Bearer {token or os.environ['ARTIFACTA_TOKEN']}"}}


def generated(size):
    """The formula, a row of 256 bytes at a time: within a row only `i * 31` changes."""
    rows = [bytes((i * 31 + row) & 255 for i in range(256)) for row in range(256)]
    for start in range(0, size >> 8, CHUNK_BYTES >> 8):
        end = min(start + (CHUNK_BYTES >> 8), size >> 8)
        yield b"".join(rows[(row + (row >> 8) * 7) & 255] for row in range(start, end))


def ref(session, name, version=None):
    named = artifact_pb.ArtifactName(session=session, name=name, version=version)
    return artifact_pb.ArtifactRef(by=Oneof("name", named))


def get(at, session, name, version=None, token=None):
    request = artifact_service_pb.GetArtifactRequest(artifact=ref(session, name, version))
    return at.artifacts.get_artifact(request, **headers(token)).artifact


def push(at, text, **spec):
    content = Oneof("data", text.encode())
    request = upload_pb.CreateArtifactRequest(spec=upload_pb.ArtifactSpec(**spec), content=content)
    return at.artifacts.create_artifact(request, **headers())


def push_stream(at, chunks, session, name):
    def requests():
        spec = upload_pb.ArtifactSpec(session=session, name=name)
        yield upload_pb.UploadArtifactRequest(part=Oneof("start", upload_pb.UploadStart(spec=spec)))
        size = 0
        for chunk in chunks:
            size += len(chunk)
            yield upload_pb.UploadArtifactRequest(part=Oneof("chunk", chunk))
        yield upload_pb.UploadArtifactRequest(part=Oneof("finish", upload_pb.UploadFinish(size_bytes=size)))

    return at.artifacts.upload_artifact(requests(), **headers())


def pushed(response):
    if response.receipt.replayed:
        return "replayed"
    if response.receipt.deduplicated:
        return "unchanged"
    return "new" if response.artifact.version == 1 else "version"


def record(response):
    artifact = response.artifact
    return {
        "content_type": artifact.content_type,
        "name": artifact.name,
        "pushed": pushed(response),
        "sha256": artifact.sha256,
        "size_bytes": artifact.size_bytes,
        "version": artifact.version,
    }


def failure(call, *args, **named):
    try:
        call(*args, **named)
    except ConnectError as error:
        info, field = ErrorInfo(), ""
        for detail in error.details:
            if detail.type_name == "google.rpc.ErrorInfo":
                info = detail.value(ErrorInfo)
            if detail.type_name == "google.rpc.BadRequest":
                field = detail.value(BadRequest).field_violations[0].field.split(".")[-1]
        code = error.code.value.upper().replace("CANCELED", "CANCELLED")
        return {"code": code, "field": field, "reason": info.reason, "metadata": info.metadata}
    raise RuntimeError("the call succeeded")


def server(at, method):
    info = at.info.get_server_info(info_service_pb.GetServerInfoRequest(), **headers()).server_info
    return {
        "authentication_required": info.authentication_required,
        "chunk_bytes": info.limits.chunk_bytes,
        "has_method": method in info.methods,
        "max_inline_bytes": info.limits.max_inline_bytes,
    }


def open_session(at, **given):
    return at.sessions.open_session(session_service_pb.OpenSessionRequest(**given), **headers()).session


def open_(at, **given):
    session = open_session(at, **given)
    return {
        "agent": session.metadata["agent"],
        "city_hex": session.metadata["city"].encode().hex(),
        "expected_outputs": list(session.expected_outputs),
        "stage": session.labels["stage"],
        "state": session.state.name,
    }


def push_small(at, **given):
    response = push(at, **given)
    artifact = response.artifact
    return {
        **record(response),
        "inherited": list(artifact.inherited_metadata_keys),
        "kind": artifact.metadata["kind"],
        "reviewed": artifact.labels["reviewed"],
    }


def push_generated(at, generated_bytes, **place):
    return record(push_stream(at, generated(generated_bytes), **place))


def query(at, session, pages, name, text, metadata, filter, page_size):
    for page in range(pages):
        number = f"{page:02}"
        push(at, text.replace("NN", number), session=session, name=name.replace("NN", number), metadata=metadata)
    request = artifact_service_pb.ListArtifactsRequest(
        filter=filter, page_size=page_size, order=query_pb.ListOrder.OLDEST_FIRST
    )
    counts, names = [], []
    while not counts or request.page_token:
        page = at.artifacts.list_artifacts(request, **headers())
        counts.append(len(page.artifacts))
        names += [artifact.name for artifact in page.artifacts]
        request.page_token = page.next_page_token
    names.sort()
    return {"count": len(names), "first": names[0], "first_page": counts[0], "last": names[-1]}


def download(at, session, name, offset=0, limit=None):
    request = content_pb.DownloadArtifactRequest(artifact=ref(session, name), offset=offset, limit=limit)
    digest, size = hashlib.sha256(), 0
    for message in at.artifacts.download_artifact(request, **headers()):
        if message.part.field == "chunk":
            digest.update(message.part.value)
            size += len(message.part.value)
    return {"sha256": digest.hexdigest(), "size_bytes": size}


def pull(at, **place):
    pulled = download(at, **place)
    return {"equal": pulled["sha256"] == get(at, **place).sha256, **pulled}


def read(at, session, log, document, lines, grep, pointer, max_bytes):
    for text in (log, document):
        push(at, session=session, **text)

    def piece(name, **given):
        request = content_pb.ReadArtifactRequest(artifact=ref(session, name), **given)
        return at.artifacts.read_artifact(request, **headers())

    found = piece(log["name"], window=Oneof("grep", content_pb.GrepWindow(**grep)))
    some = piece(log["name"], window=Oneof("lines", content_pb.LineWindow(**lines)))
    value = piece(document["name"], window=Oneof("json", content_pb.JsonWindow(pointer=pointer)))
    first = piece(log["name"], max_bytes=max_bytes)
    second = piece(log["name"], max_bytes=max_bytes, cursor=first.next_cursor)
    return {
        "grep": found.content.value,
        "lines": some.content.value,
        "matches": [match.line for match in found.matches],
        "pieces": [first.content.value, second.content.value],
        "pointer": value.content.value,
        "truncated": first.truncated,
    }


def edges(at, artifact, direction, depth):
    request = lineage_pb.ListLineageRequest(artifact=artifact, direction=direction, depth=depth)
    response = at.artifacts.list_lineage(request, **headers())
    return [f"{edge.depth} {edge.artifact.name} {edge.artifact.version}" for edge in response.edges]


def lineage(at, session, input, summary, report, depth):
    made = push(at, session=session, inputs=[get(at, session, input, 2).id], **summary)
    push(at, session=session, inputs=[made.artifact.id], **report)
    ways = lineage_pb.LineageDirection
    return {
        "derived": edges(at, ref(session, input, 2), ways.DERIVED, depth),
        "inputs": edges(at, ref(session, report["name"]), ways.INPUTS, depth),
    }


def retry(at, other_text, **given):
    first, second = push(at, **given), push(at, **given)
    return {
        "first": pushed(first),
        "other": failure(push, at, **{**given, "text": other_text})["reason"],
        "same_artifact": first.artifact.id == second.artifact.id,
        "second": pushed(second),
    }


def errors(at, cases):
    def list_(at, filter):
        at.artifacts.list_artifacts(artifact_service_pb.ListArtifactsRequest(filter=filter), **headers())

    def share(at, **place):
        at.artifacts.create_share_link(share_link_pb.CreateShareLinkRequest(artifact=ref(**place)), **headers())

    calls = {
        "unknown-session": get,
        "bad-name": push,
        "bad-filter": list_,
        "conflict": open_session,
        "bad-token": get,
        "no-scope": share,
    }
    found = []
    for given in cases:
        name = given.pop("case")
        is_ = failure(calls[name], at, **given)
        found.append({"case": name, "code": is_["code"], "field": is_["field"], "reason": is_["reason"]})
    return {"errors": found}


def cancel(at, generated_bytes, sent_bytes, **place):
    def some():
        sent = 0
        for chunk in generated(generated_bytes):
            if sent >= sent_bytes:
                raise RuntimeError("given up")
            sent += len(chunk)
            yield chunk

    failed = False
    try:
        push_stream(at, some(), **place)
    except Exception:
        failed = True
    return {"after": failure(get, at, **place)["reason"], "failed": failed}


def compressed(at, text, times, **given):
    return record(push(at, text * times, **given))


def seal(at, session, outcome):
    request = session_service_pb.SealSessionRequest(session=session, outcome=outcome_pb.SessionOutcome[outcome])
    return at.sessions.seal_session(request, **headers())


def events(at, session):
    request = watch_pb.WatchSessionRequest(session=session)
    return at.sessions.watch_session(request, **headers())


def watch(at, session, outcome):
    committed, sealing, last = 0, None, None
    for message in events(at, session):
        sealing = sealing or seal(at, session, outcome)
        last = message.event
        committed += last is not None and last.field == "committed"
    sealed = last.value
    return {
        "artifact_count": sealed.artifact_count,
        "committed": committed,
        "last": last.field,
        "missing_outputs": list(sealed.missing_outputs),
        "outcome": sealed.outcome.name,
        "state": sealed.state.name,
    }


def sealed(at, session, retry, other_outcome, **late):
    refused = failure(push, at, session=session, **late)
    return {
        "code": refused["code"],
        "other_seal": failure(seal, at, session, other_outcome)["reason"],
        "outcome": refused["metadata"]["outcome"],
        "reason": refused["reason"],
        "retry": pushed(push(at, session=session, **retry)),
    }


def older(_, **given):
    at = Service("OLDER_")
    info = failure(server, at, "")
    response = push(at, **given)
    artifact = ref(given["session"], given["name"])
    lineage = failure(edges, at, artifact, lineage_pb.LineageDirection.INPUTS, 1)
    return {
        "info_code": info["code"],
        "info_reason": info["reason"],
        "lineage_code": lineage["code"],
        "pushed": pushed(response),
    }


def newer(_, session, name, text, feature):
    at = Service("NEWER_")
    info = at.info.get_server_info(info_service_pb.GetServerInfoRequest(), **headers()).server_info
    artifact = get(at, session, name)
    refused = failure(push, at, text, session=session, name=name)
    seen = [message.event for message in events(at, session) if message.event is not None]
    return {
        "code": refused["code"],
        "committed": sum(event.field == "committed" for event in seen),
        "has_feature": feature in info.features,
        "outcome": seen[-1].value.outcome.name,
        "reason": refused["reason"],
        "size_bytes": artifact.size_bytes,
        "version": info.version,
    }


STEPS = {
    "server": server,
    "open": open_,
    "push-small": push_small,
    "push-stream": push_generated,
    "push-again": push_generated,
    "push-version": lambda at, **given: record(push(at, **given)),
    "query": query,
    "pull": pull,
    "range": download,
    "read": read,
    "lineage": lineage,
    "retry": retry,
    "errors": errors,
    "cancel": cancel,
    "compressed": compressed,
    "watch": watch,
    "sealed": sealed,
    "older": older,
    "newer": newer,
}


def main():
    with open(os.environ["SCENARIO_FILE"], encoding="utf-8") as file:
        text = file.read().replace("{prefix}", os.environ["SCENARIO_PREFIX"])
    at = Service()
    for step in json.loads(text)["steps"]:
        try:
            printed = STEPS[step["step"]](at, **step["in"])
        except Exception as error:
            traceback.print_exc()
            printed = {"failed": str(error).split("\n")[0]}
        line = json.dumps({**printed, "step": step["step"]}, sort_keys=True, separators=(",", ":"))
        print(line, flush=True)


main()
