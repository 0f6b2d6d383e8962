from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServerInfo(_message.Message):
    __slots__ = ("version", "methods", "features", "limits", "authentication_required")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    version: str
    methods: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedScalarFieldContainer[str]
    limits: ServerLimits
    authentication_required: bool
    def __init__(self, version: _Optional[str] = ..., methods: _Optional[_Iterable[str]] = ..., features: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[ServerLimits, _Mapping]] = ..., authentication_required: bool = ...) -> None: ...

class ServerLimits(_message.Message):
    __slots__ = ("max_artifact_bytes", "max_inline_bytes", "max_message_bytes", "chunk_bytes", "default_page_size", "max_page_size", "max_batch_get", "max_filter_bytes", "max_read_bytes", "max_session_id_characters", "max_request_id_characters", "max_name_bytes", "max_name_segment_bytes", "max_metadata_keys", "max_metadata_key_bytes", "max_metadata_value_bytes", "max_metadata_bytes", "max_inputs", "max_expected_outputs", "request_id_retention", "max_share_link_ttl", "max_token_ttl", "min_lease", "max_lease", "default_deadline", "max_deadline", "min_direct_upload_bytes")
    MAX_ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_INLINE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_GET_FIELD_NUMBER: _ClassVar[int]
    MAX_FILTER_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_READ_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SESSION_ID_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_ID_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_NAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_NAME_SEGMENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_METADATA_KEYS_FIELD_NUMBER: _ClassVar[int]
    MAX_METADATA_KEY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_METADATA_VALUE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_METADATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_INPUTS_FIELD_NUMBER: _ClassVar[int]
    MAX_EXPECTED_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_RETENTION_FIELD_NUMBER: _ClassVar[int]
    MAX_SHARE_LINK_TTL_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKEN_TTL_FIELD_NUMBER: _ClassVar[int]
    MIN_LEASE_FIELD_NUMBER: _ClassVar[int]
    MAX_LEASE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    MAX_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    MIN_DIRECT_UPLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_artifact_bytes: int
    max_inline_bytes: int
    max_message_bytes: int
    chunk_bytes: int
    default_page_size: int
    max_page_size: int
    max_batch_get: int
    max_filter_bytes: int
    max_read_bytes: int
    max_session_id_characters: int
    max_request_id_characters: int
    max_name_bytes: int
    max_name_segment_bytes: int
    max_metadata_keys: int
    max_metadata_key_bytes: int
    max_metadata_value_bytes: int
    max_metadata_bytes: int
    max_inputs: int
    max_expected_outputs: int
    request_id_retention: _duration_pb2.Duration
    max_share_link_ttl: _duration_pb2.Duration
    max_token_ttl: _duration_pb2.Duration
    min_lease: _duration_pb2.Duration
    max_lease: _duration_pb2.Duration
    default_deadline: _duration_pb2.Duration
    max_deadline: _duration_pb2.Duration
    min_direct_upload_bytes: int
    def __init__(self, max_artifact_bytes: _Optional[int] = ..., max_inline_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., chunk_bytes: _Optional[int] = ..., default_page_size: _Optional[int] = ..., max_page_size: _Optional[int] = ..., max_batch_get: _Optional[int] = ..., max_filter_bytes: _Optional[int] = ..., max_read_bytes: _Optional[int] = ..., max_session_id_characters: _Optional[int] = ..., max_request_id_characters: _Optional[int] = ..., max_name_bytes: _Optional[int] = ..., max_name_segment_bytes: _Optional[int] = ..., max_metadata_keys: _Optional[int] = ..., max_metadata_key_bytes: _Optional[int] = ..., max_metadata_value_bytes: _Optional[int] = ..., max_metadata_bytes: _Optional[int] = ..., max_inputs: _Optional[int] = ..., max_expected_outputs: _Optional[int] = ..., request_id_retention: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_share_link_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_token_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., min_lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., default_deadline: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_deadline: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., min_direct_upload_bytes: _Optional[int] = ...) -> None: ...
