package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	pb "example.com/agent/gen/artifacta/v1"
)

const chunkBytes = 1 << 20

// generated returns bytes by the formula.
func generated(size int) []byte {
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = byte(i*31 + i>>8 + i>>16*7)
	}
	return bytes
}

// begin begins an upload and sends bytes, without the end.
func (r runner) begin(ctx context.Context, given input, bytes []byte) (Upload, error) {
	upload, err := r.Upload(ctx)
	if err != nil {
		return nil, err
	}
	start := &pb.UploadStart{Spec: given.spec()}
	err = upload.Send(&pb.UploadArtifactRequest{Part: &pb.UploadArtifactRequest_Start{Start: start}})
	for at := 0; err == nil && at < len(bytes); at += chunkBytes {
		chunk := bytes[at:min(at+chunkBytes, len(bytes))]
		err = upload.Send(&pb.UploadArtifactRequest{Part: &pb.UploadArtifactRequest_Chunk{Chunk: chunk}})
	}
	// An early end of the stream is explained by its answer.
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return upload, err
}

func pushStream(r runner, ctx context.Context, given input) (line, error) {
	bytes := generated(given.GeneratedBytes)
	upload, err := r.begin(ctx, given, bytes)
	if err != nil {
		return nil, err
	}
	finish := &pb.UploadFinish{SizeBytes: int64(len(bytes))}
	err = upload.Send(&pb.UploadArtifactRequest{Part: &pb.UploadArtifactRequest_Finish{Finish: finish}})
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	answer, err := upload.Finish()
	if err != nil {
		return nil, err
	}
	return record(answer.Artifact, answer.Receipt), nil
}

func cancel(r runner, ctx context.Context, given input) (line, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	upload, err := r.begin(inner, given, generated(given.SentBytes))
	if err != nil {
		return nil, err
	}
	cancel()
	_, failed := upload.Finish()
	_, err = r.Get(ctx, &pb.GetArtifactRequest{Artifact: given.ref()})
	after, err := r.failure(err)
	return line{"after": after.reason, "failed": failed != nil}, err
}

// download hashes what arrives, and returns the digest and the number of bytes.
func (r runner) download(ctx context.Context, request *pb.DownloadArtifactRequest, to io.Writer) (string, int64, error) {
	receive, err := r.Download(ctx, request)
	if err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	var size int64
	for {
		message, err := receive()
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(hash.Sum(nil)), size, nil
		}
		if err != nil {
			return "", 0, err
		}
		size += int64(len(message.GetChunk()))
		hash.Write(message.GetChunk())
		if _, err := to.Write(message.GetChunk()); err != nil {
			return "", 0, err
		}
	}
}

func pull(r runner, ctx context.Context, given input) (line, error) {
	found, err := r.Get(ctx, &pb.GetArtifactRequest{Artifact: given.ref()})
	if err != nil {
		return nil, err
	}
	file, err := os.Create(os.Getenv("SCENARIO_DIR") + "/pulled")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	digest, size, err := r.download(ctx, &pb.DownloadArtifactRequest{Artifact: given.ref()}, file)
	return line{"equal": digest == found.Artifact.Sha256, "sha256": digest, "size_bytes": size}, err
}

func downloadRange(r runner, ctx context.Context, given input) (line, error) {
	request := &pb.DownloadArtifactRequest{
		Artifact: given.ref(), Offset: given.Offset, Limit: proto.Int64(given.Limit),
	}
	digest, size, err := r.download(ctx, request, io.Discard)
	return line{"sha256": digest, "size_bytes": size}, err
}
