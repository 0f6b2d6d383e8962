// The bare program in Go: reads, hashes and sends the bytes by grpc-go's generated stubs, nothing else.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "example.com/agent/gen/artifacta/v1"
)

const (
	chunkBytes = 1 << 20
	session    = "bench"
)

func main() {
	action, name, path := os.Args[1], os.Args[2], os.Args[3]
	input := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	_, _ = input.ReadString('\n')
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient(strings.TrimPrefix(os.Getenv("ARTIFACTA_URL"), "grpc://"), plain)
	if err == nil && action == "push" {
		err = push(pb.NewArtifactServiceClient(conn), name, path)
	} else if err == nil {
		err = pull(pb.NewArtifactServiceClient(conn), name, path)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, input)
}

func push(service pb.ArtifactServiceClient, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	upload, err := service.UploadArtifact(context.Background())
	if err != nil {
		return err
	}
	start := &pb.UploadStart{Spec: &pb.ArtifactSpec{Session: session, Name: name}}
	err = upload.Send(&pb.UploadArtifactRequest{Part: &pb.UploadArtifactRequest_Start{Start: start}})
	hash := sha256.New()
	var size int64
	// A message is encoded before Send returns: one buffer is enough.
	buffer := make([]byte, chunkBytes)
	for err == nil {
		var count int
		count, err = file.Read(buffer)
		if count == 0 {
			break
		}
		hash.Write(buffer[:count])
		size += int64(count)
		chunk := &pb.UploadArtifactRequest_Chunk{Chunk: buffer[:count]}
		err = upload.Send(&pb.UploadArtifactRequest{Part: chunk})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	finish := &pb.UploadFinish{SizeBytes: size, Sha256: hex.EncodeToString(hash.Sum(nil))}
	_ = upload.Send(&pb.UploadArtifactRequest{Part: &pb.UploadArtifactRequest_Finish{Finish: finish}})
	_, err = upload.CloseAndRecv()
	return err
}

func pull(service pb.ArtifactServiceClient, name, path string) error {
	ref := &pb.ArtifactRef{By: &pb.ArtifactRef_Name{Name: &pb.ArtifactName{Session: session, Name: name}}}
	answers, err := service.DownloadArtifact(context.Background(), &pb.DownloadArtifactRequest{Artifact: ref})
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	var expected string
	for {
		answer, err := answers.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if artifact := answer.GetArtifact(); artifact != nil {
			expected = artifact.Sha256
		}
		hash.Write(answer.GetChunk())
		if _, err := file.Write(answer.GetChunk()); err != nil {
			return err
		}
	}
	if hex.EncodeToString(hash.Sum(nil)) != expected {
		return errors.New("other bytes have arrived")
	}
	return nil
}
