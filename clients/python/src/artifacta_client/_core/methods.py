"""The methods of the service that this client calls, and the messages that it names."""

from .._pb.artifacta.v1 import artifact_service_pb2 as artifacts
from .._pb.artifacta.v1 import compare_pb2 as compare
from .._pb.artifacta.v1 import content_pb2 as content
from .._pb.artifacta.v1 import info_service_pb2 as info
from .._pb.artifacta.v1 import lineage_pb2 as lineage
from .._pb.artifacta.v1 import server_info_pb2 as server_info
from .._pb.artifacta.v1 import session_service_pb2 as sessions
from .._pb.artifacta.v1 import share_link_pb2 as links
from .._pb.artifacta.v1 import ticket_pb2 as tickets
from .._pb.artifacta.v1 import upload_pb2 as upload
from .._pb.artifacta.v1 import watch_pb2 as watch
from .effects import Method, Request, Response

ServerInfoMessage = server_info.ServerInfo


def caller_request() -> info.GetCallerRequest:
    return info.GetCallerRequest()


def server_info_request() -> info.GetServerInfoRequest:
    return info.GetServerInfoRequest()


def _of(service: str, name: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return Method(f"/artifacta.v1.{service}/{name}", request, response)


def _artifact(name: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _of("ArtifactService", name, request, response)


def _session(name: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return _of("SessionService", name, request, response)


UPLOAD = _artifact("UploadArtifact", upload.UploadArtifactRequest, upload.UploadArtifactResponse)
CREATE = _artifact("CreateArtifact", upload.CreateArtifactRequest, upload.CreateArtifactResponse)
DOWNLOAD = _artifact("DownloadArtifact", content.DownloadArtifactRequest, content.DownloadArtifactResponse)
READ = _artifact("ReadArtifact", content.ReadArtifactRequest, content.ReadArtifactResponse)
GET = _artifact("GetArtifact", artifacts.GetArtifactRequest, artifacts.GetArtifactResponse)
LIST = _artifact("ListArtifacts", artifacts.ListArtifactsRequest, artifacts.ListArtifactsResponse)
LINEAGE = _artifact("ListLineage", lineage.ListLineageRequest, lineage.ListLineageResponse)
UPDATE = _artifact("UpdateArtifact", artifacts.UpdateArtifactRequest, artifacts.UpdateArtifactResponse)
DELETE = _artifact("DeleteArtifact", artifacts.DeleteArtifactRequest, artifacts.DeleteArtifactResponse)
SHARE = _artifact("CreateShareLink", links.CreateShareLinkRequest, links.CreateShareLinkResponse)
LIST_LINKS = _artifact("ListShareLinks", links.ListShareLinksRequest, links.ListShareLinksResponse)
REVOKE = _artifact("RevokeShareLinks", links.RevokeShareLinksRequest, links.RevokeShareLinksResponse)

OPEN_SESSION = _session("OpenSession", sessions.OpenSessionRequest, sessions.OpenSessionResponse)
GET_SESSION = _session("GetSession", sessions.GetSessionRequest, sessions.GetSessionResponse)
LIST_SESSIONS = _session("ListSessions", sessions.ListSessionsRequest, sessions.ListSessionsResponse)
UPDATE_SESSION = _session("UpdateSession", sessions.UpdateSessionRequest, sessions.UpdateSessionResponse)
SEAL_SESSION = _session("SealSession", sessions.SealSessionRequest, sessions.SealSessionResponse)
AMEND_OUTCOME = _session("AmendOutcome", sessions.AmendOutcomeRequest, sessions.AmendOutcomeResponse)
DELETE_SESSION = _session("DeleteSession", sessions.DeleteSessionRequest, sessions.DeleteSessionResponse)
WATCH = _session("WatchSession", watch.WatchSessionRequest, watch.WatchSessionResponse)
COMPARE = _session("CompareSessions", compare.CompareSessionsRequest, compare.CompareSessionsResponse)

CREATE_TICKET = _of("TicketService", "CreateTicket", tickets.CreateTicketRequest, tickets.CreateTicketResponse)
GET_CALLER = _of("InfoService", "GetCaller", info.GetCallerRequest, info.GetCallerResponse)
GET_SERVER_INFO = _of("InfoService", "GetServerInfo", info.GetServerInfoRequest, info.GetServerInfoResponse)
