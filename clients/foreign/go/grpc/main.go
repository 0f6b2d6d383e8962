// The scenario by grpc-go.
package main

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "example.com/agent/gen/artifacta/v1"
	"example.com/agent/scenario"
)

func main() {
	scenario.Run(scenario.Stack{Dial: dial, WithToken: withToken, Status: statusOf})
}

func dial(beginning string, compressed bool) (scenario.Service, error) {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if compressed {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	conn, err := grpc.NewClient(strings.TrimPrefix(scenario.URL(beginning, false), "grpc://"), options...)
	if err != nil {
		return scenario.Service{}, err
	}
	// The published package of health has to start, and to work, next to the generated code.
	asked := &grpc_health_v1.HealthCheckRequest{}
	health, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), asked)
	if err != nil || health.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		return scenario.Service{}, fmt.Errorf("health: %v, %w", health.GetStatus(), err)
	}
	artifacts, sessions := pb.NewArtifactServiceClient(conn), pb.NewSessionServiceClient(conn)
	return scenario.Service{
		Info:  call(pb.NewInfoServiceClient(conn).GetServerInfo),
		Open:  call(sessions.OpenSession),
		Seal:  call(sessions.SealSession),
		Watch: stream(sessions.WatchSession),
		Upload: func(ctx context.Context) (scenario.Upload, error) {
			upload, err := artifacts.UploadArtifact(ctx)
			return sending{upload}, err
		},
		Create:   call(artifacts.CreateArtifact),
		Download: stream(artifacts.DownloadArtifact),
		Get:      call(artifacts.GetArtifact),
		List:     call(artifacts.ListArtifacts),
		Read:     call(artifacts.ReadArtifact),
		Lineage:  call(artifacts.ListLineage),
		Share:    call(artifacts.CreateShareLink),
	}, nil
}

type sending struct {
	grpc.ClientStreamingClient[pb.UploadArtifactRequest, pb.UploadArtifactResponse]
}

func (s sending) Finish() (*pb.UploadArtifactResponse, error) { return s.CloseAndRecv() }

func call[Request, Response any](
	method func(context.Context, *Request, ...grpc.CallOption) (*Response, error),
) scenario.Call[Request, Response] {
	return func(ctx context.Context, request *Request) (*Response, error) { return method(ctx, request) }
}

func stream[Request, Response any](
	method func(context.Context, *Request, ...grpc.CallOption) (grpc.ServerStreamingClient[Response], error),
) scenario.Stream[Request, Response] {
	return func(ctx context.Context, request *Request) (func() (*Response, error), error) {
		receiving, err := method(ctx, request)
		if err != nil {
			return nil, err
		}
		return receiving.Recv, nil
	}
}

func withToken(ctx context.Context, token string) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.Pairs("authorization", "Bearer "+token))
}

func statusOf(err error) (int32, []proto.Message) {
	found := status.Convert(err)
	var details []proto.Message
	for _, detail := range found.Details() {
		if message, is := detail.(proto.Message); is {
			details = append(details, message)
		}
	}
	return int32(found.Code()), details
}
