"""A client in Python that has generated its own code: it pushes, lists, and reads the reason of an error."""

import sys

import grpc
from artifacta.v1 import artifact_service_pb2 as service
from artifacta.v1 import artifact_service_pb2_grpc as stubs
from artifacta.v1 import upload_pb2 as upload
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

with grpc.insecure_channel(sys.argv[1]) as channel:
    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    print("health", health_pb2.HealthCheckResponse.ServingStatus.Name(health.status))
    artifacts = stubs.ArtifactServiceStub(channel)
    spec = upload.ArtifactSpec(session="python", name="a.txt")
    request = upload.CreateArtifactRequest(spec=spec, data=b"from Python")
    made = artifacts.CreateArtifact(request, timeout=30)
    page = artifacts.ListArtifacts(service.ListArtifactsRequest(session="python"), timeout=30)
    print("listed", len(page.artifacts), page.artifacts[0].id == made.artifact.id)
    try:
        artifacts.ListArtifacts(service.ListArtifactsRequest(session="nosuch"), timeout=30)
    except grpc.RpcError as error:
        for detail in rpc_status.from_call(error).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                print("reason", info.reason, info.domain)
