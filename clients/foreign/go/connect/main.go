// The scenario by connect-go: in Connect's protocol, with GET where it can be or with JSON, as gRPC or as gRPC-Web.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/proto"

	pb "example.com/agent/gen/artifacta/v1"
	"example.com/agent/gen/artifacta/v1/artifactav1connect"
	"example.com/agent/scenario"
)

func main() {
	scenario.Run(scenario.Stack{Dial: dial, WithToken: withToken, Status: statusOf})
}

func dial(beginning string, compressed bool) (scenario.Service, error) {
	protocol := os.Args[1]
	options, isHTTP, client := []connecthttp.Option{}, true, http.DefaultClient
	switch protocol {
	case "get":
		options = append(options, connecthttp.WithHTTPGet())
	case "json":
		options = append(options, connecthttp.WithProtoJSON())
	case "grpc-web":
		options = append(options, connecthttp.WithGRPCWeb())
	case "grpc":
		options, isHTTP = append(options, connecthttp.WithGRPC()), false
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		client = &http.Client{Transport: &http.Transport{Protocols: protocols}}
	}
	if compressed {
		options = append(options, connecthttp.WithSendGzip())
	}
	url := strings.Replace(scenario.URL(beginning, isHTTP), "grpc://", "http://", 1)
	channel := connect.NewClient(connecthttp.NewTransport(client, url, options...))
	artifacts := artifactav1connect.NewArtifactServiceClient(channel)
	sessions := artifactav1connect.NewSessionServiceClient(channel)
	return scenario.Service{
		Info:  artifactav1connect.NewInfoServiceClient(channel).GetServerInfo,
		Open:  sessions.OpenSession,
		Seal:  sessions.SealSession,
		Watch: stream(sessions.WatchSession),
		Upload: func(ctx context.Context) (scenario.Upload, error) {
			upload, err := artifacts.UploadArtifact(ctx)
			return sending{upload}, err
		},
		Create:   artifacts.CreateArtifact,
		Download: stream(artifacts.DownloadArtifact),
		Get:      artifacts.GetArtifact,
		List:     artifacts.ListArtifacts,
		Read:     artifacts.ReadArtifact,
		Lineage:  artifacts.ListLineage,
		Share:    artifacts.CreateShareLink,
	}, nil
}

type sending struct {
	artifactav1connect.ArtifactServiceUploadArtifactClientStream
}

func (s sending) Finish() (*pb.UploadArtifactResponse, error) { return s.CloseAndReceive() }

func stream[Request, Response any, Receiving interface{ Receive() (*Response, error) }](
	method func(context.Context, *Request) (Receiving, error),
) scenario.Stream[Request, Response] {
	return func(ctx context.Context, request *Request) (func() (*Response, error), error) {
		receiving, err := method(ctx, request)
		if err != nil {
			return nil, err
		}
		return receiving.Receive, nil
	}
}

func withToken(ctx context.Context, token string) context.Context {
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("authorization", "Bearer "+token)
	return ctx
}

func statusOf(err error) (int32, []proto.Message) {
	var found *connect.Error
	if !errors.As(err, &found) {
		return int32(connect.CodeUnknown), nil
	}
	var details []proto.Message
	for _, detail := range found.Details() {
		if message, err := connectproto.UnmarshalErrorDetail(detail); err == nil {
			details = append(details, message)
		}
	}
	return int32(found.Code()), details
}
