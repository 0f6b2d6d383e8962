from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ListOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIST_ORDER_UNSPECIFIED: _ClassVar[ListOrder]
    LIST_ORDER_NEWEST_FIRST: _ClassVar[ListOrder]
    LIST_ORDER_OLDEST_FIRST: _ClassVar[ListOrder]
LIST_ORDER_UNSPECIFIED: ListOrder
LIST_ORDER_NEWEST_FIRST: ListOrder
LIST_ORDER_OLDEST_FIRST: ListOrder

class QueryExplanation(_message.Message):
    __slots__ = ("filter", "driver", "tests", "entries_read", "probes", "records_read", "budget")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_READ_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    RECORDS_READ_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    filter: str
    driver: str
    tests: _containers.RepeatedScalarFieldContainer[str]
    entries_read: int
    probes: int
    records_read: int
    budget: int
    def __init__(self, filter: _Optional[str] = ..., driver: _Optional[str] = ..., tests: _Optional[_Iterable[str]] = ..., entries_read: _Optional[int] = ..., probes: _Optional[int] = ..., records_read: _Optional[int] = ..., budget: _Optional[int] = ...) -> None: ...
