from artifacta_client._pb.artifacta.v1 import compare_pb2 as _compare_pb2
from artifacta_client._pb.artifacta.v1 import outcome_pb2 as _outcome_pb2
from artifacta_client._pb.artifacta.v1 import query_pb2 as _query_pb2
from artifacta_client._pb.artifacta.v1 import retention_pb2 as _retention_pb2
from artifacta_client._pb.artifacta.v1 import session_pb2 as _session_pb2
from artifacta_client._pb.artifacta.v1 import watch_pb2 as _watch_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Durability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DURABILITY_UNSPECIFIED: _ClassVar[Durability]
    DURABILITY_LOCAL: _ClassVar[Durability]
    DURABILITY_SHIPPED: _ClassVar[Durability]
DURABILITY_UNSPECIFIED: Durability
DURABILITY_LOCAL: Durability
DURABILITY_SHIPPED: Durability

class OpenSessionRequest(_message.Message):
    __slots__ = ("session", "metadata", "labels", "retention", "lease", "expected_outputs")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    session: str
    metadata: _containers.ScalarMap[str, str]
    labels: _containers.ScalarMap[str, str]
    retention: _retention_pb2.Retention
    lease: _duration_pb2.Duration
    expected_outputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., retention: _Optional[_Union[_retention_pb2.Retention, _Mapping]] = ..., lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., expected_outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class OpenSessionResponse(_message.Message):
    __slots__ = ("session", "created")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    created: bool
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., created: bool = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token", "order", "explain")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    filter: str
    page_size: int
    page_token: str
    order: _query_pb2.ListOrder
    explain: bool
    def __init__(self, filter: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[_query_pb2.ListOrder, str]] = ..., explain: bool = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token", "explanation")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[_session_pb2.Session]
    next_page_token: str
    explanation: _query_pb2.QueryExplanation
    def __init__(self, sessions: _Optional[_Iterable[_Union[_session_pb2.Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., explanation: _Optional[_Union[_query_pb2.QueryExplanation, _Mapping]] = ...) -> None: ...

class UpdateSessionRequest(_message.Message):
    __slots__ = ("session", "changes", "update_mask", "etag", "touch")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    TOUCH_FIELD_NUMBER: _ClassVar[int]
    session: str
    changes: SessionChanges
    update_mask: _field_mask_pb2.FieldMask
    etag: str
    touch: bool
    def __init__(self, session: _Optional[str] = ..., changes: _Optional[_Union[SessionChanges, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., etag: _Optional[str] = ..., touch: bool = ...) -> None: ...

class SessionChanges(_message.Message):
    __slots__ = ("labels", "retention")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.ScalarMap[str, str]
    retention: _retention_pb2.Retention
    def __init__(self, labels: _Optional[_Mapping[str, str]] = ..., retention: _Optional[_Union[_retention_pb2.Retention, _Mapping]] = ...) -> None: ...

class UpdateSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class SealSessionRequest(_message.Message):
    __slots__ = ("session", "outcome", "etag", "durability")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    session: str
    outcome: _outcome_pb2.SessionOutcome
    etag: str
    durability: Durability
    def __init__(self, session: _Optional[str] = ..., outcome: _Optional[_Union[_outcome_pb2.SessionOutcome, str]] = ..., etag: _Optional[str] = ..., durability: _Optional[_Union[Durability, str]] = ...) -> None: ...

class SealSessionResponse(_message.Message):
    __slots__ = ("session", "already_sealed", "durability")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ALREADY_SEALED_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    already_sealed: bool
    durability: Durability
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., already_sealed: bool = ..., durability: _Optional[_Union[Durability, str]] = ...) -> None: ...

class AmendOutcomeRequest(_message.Message):
    __slots__ = ("session", "outcome", "etag")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    session: str
    outcome: _outcome_pb2.SessionOutcome
    etag: str
    def __init__(self, session: _Optional[str] = ..., outcome: _Optional[_Union[_outcome_pb2.SessionOutcome, str]] = ..., etag: _Optional[str] = ...) -> None: ...

class AmendOutcomeResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class DeleteSessionRequest(_message.Message):
    __slots__ = ("session", "etag")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    session: str
    etag: str
    def __init__(self, session: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteSessionResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: bool
    def __init__(self, deleted: bool = ...) -> None: ...

class DownloadManifestRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class DownloadManifestResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class DownloadArchiveRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class DownloadArchiveResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...
