from artifacta_client._pb.artifacta.v1 import outcome_pb2 as _outcome_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Retention(_message.Message):
    __slots__ = ("succeeded_ttl", "failed_ttl", "cancelled_ttl", "abandoned_ttl", "keep_last")
    SUCCEEDED_TTL_FIELD_NUMBER: _ClassVar[int]
    FAILED_TTL_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_TTL_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_TTL_FIELD_NUMBER: _ClassVar[int]
    KEEP_LAST_FIELD_NUMBER: _ClassVar[int]
    succeeded_ttl: _duration_pb2.Duration
    failed_ttl: _duration_pb2.Duration
    cancelled_ttl: _duration_pb2.Duration
    abandoned_ttl: _duration_pb2.Duration
    keep_last: KeepLast
    def __init__(self, succeeded_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., failed_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cancelled_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., abandoned_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., keep_last: _Optional[_Union[KeepLast, _Mapping]] = ...) -> None: ...

class KeepLast(_message.Message):
    __slots__ = ("count", "metadata_key", "outcomes")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    METADATA_KEY_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    count: int
    metadata_key: str
    outcomes: _containers.RepeatedScalarFieldContainer[_outcome_pb2.SessionOutcome]
    def __init__(self, count: _Optional[int] = ..., metadata_key: _Optional[str] = ..., outcomes: _Optional[_Iterable[_Union[_outcome_pb2.SessionOutcome, str]]] = ...) -> None: ...
