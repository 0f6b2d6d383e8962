// A client in Go that has generated its own code: it pushes, lists, and reads the reason of an error.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	artifacta "example.com/agent/gen/artifacta/v1"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer conn.Close()

	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	must(err)
	fmt.Println("health", health.Status)

	artifacts := artifacta.NewArtifactServiceClient(conn)
	made, err := artifacts.CreateArtifact(ctx, &artifacta.CreateArtifactRequest{
		Spec:    &artifacta.ArtifactSpec{Session: "go", Name: "a.txt"},
		Content: &artifacta.CreateArtifactRequest_Data{Data: []byte("from Go")},
	})
	must(err)
	page, err := artifacts.ListArtifacts(ctx, &artifacta.ListArtifactsRequest{Session: "go"})
	must(err)
	fmt.Println("listed", len(page.Artifacts), page.Artifacts[0].Id == made.Artifact.Id)

	_, err = artifacts.ListArtifacts(ctx, &artifacta.ListArtifactsRequest{Session: "nosuch"})
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			fmt.Println("reason", info.Reason, info.Domain)
		}
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
