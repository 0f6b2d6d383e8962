from artifacta_client._pb.artifacta.v1 import ticket_pb2 as _ticket_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
