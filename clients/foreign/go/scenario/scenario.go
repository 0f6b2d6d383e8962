// Package scenario runs the steps of clients/scenario.json with the stubs of any stack that has Go's usual signatures.
package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	pb "example.com/agent/gen/artifacta/v1"
)

// Call is a call with one request and one response.
type Call[Request, Response any] func(context.Context, *Request) (*Response, error)

// Stream is a call with one request and a stream of responses, which ends with io.EOF.
type Stream[Request, Response any] func(context.Context, *Request) (func() (*Response, error), error)

// Upload is an open upload.
type Upload interface {
	Send(*pb.UploadArtifactRequest) error
	Finish() (*pb.UploadArtifactResponse, error)
}

// Service has the calls of one service, by the stubs of a stack.
type Service struct {
	Info     Call[pb.GetServerInfoRequest, pb.GetServerInfoResponse]
	Open     Call[pb.OpenSessionRequest, pb.OpenSessionResponse]
	Seal     Call[pb.SealSessionRequest, pb.SealSessionResponse]
	Watch    Stream[pb.WatchSessionRequest, pb.WatchSessionResponse]
	Create   Call[pb.CreateArtifactRequest, pb.CreateArtifactResponse]
	Upload   func(context.Context) (Upload, error)
	Download Stream[pb.DownloadArtifactRequest, pb.DownloadArtifactResponse]
	Get      Call[pb.GetArtifactRequest, pb.GetArtifactResponse]
	List     Call[pb.ListArtifactsRequest, pb.ListArtifactsResponse]
	Read     Call[pb.ReadArtifactRequest, pb.ReadArtifactResponse]
	Lineage  Call[pb.ListLineageRequest, pb.ListLineageResponse]
	Share    Call[pb.CreateShareLinkRequest, pb.CreateShareLinkResponse]
}

// Stack is what differs between the stacks.
type Stack struct {
	// Dial connects to the service whose URLs are in variables of this beginning: none, OLDER_ or NEWER_.
	Dial func(beginning string, compressed bool) (Service, error)
	// WithToken returns the context of calls with a token.
	WithToken func(context.Context, string) context.Context
	// Status returns the number of the status code of an error, and its details.
	Status func(error) (int32, []proto.Message)
}

// URL returns the URL of a service's gRPC or HTTP listener.
func URL(beginning string, isHTTP bool) string {
	name := "SCENARIO_" + beginning + "URL"
	switch {
	case isHTTP:
		name = "SCENARIO_" + beginning + "HTTP_URL"
	case beginning == "":
		name = "ARTIFACTA_URL"
	}
	return os.Getenv(name)
}

// failure is how a call failed.
type failure struct {
	code, reason, field string
	metadata            map[string]string
}

func (s Stack) failure(err error) (failure, error) {
	if err == nil {
		return failure{}, fmt.Errorf("the call succeeded")
	}
	number, details := s.Status(err)
	found := failure{code: code.Code_name[number]}
	for _, detail := range details {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			found.reason, found.metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			path := strings.Split(detail.FieldViolations[0].Field, ".")
			found.field = path[len(path)-1]
		}
	}
	return found, nil
}

type line = map[string]any

// Run runs all steps, and ends the process.
func Run(stack Stack) {
	text, err := os.ReadFile(os.Getenv("SCENARIO_FILE"))
	must(err)
	var file struct {
		Steps []struct {
			Step string
			In   json.RawMessage
		}
	}
	must(json.Unmarshal([]byte(strings.ReplaceAll(string(text), "{prefix}", os.Getenv("SCENARIO_PREFIX"))), &file))
	service, err := stack.Dial("", false)
	must(err)
	r := runner{stack, service}
	for _, step := range file.Steps {
		printed, err := r.step(step.Step, step.In)
		if err != nil {
			printed = line{"failed": strings.Split(err.Error(), "\n")[0]}
		}
		printed["step"] = step.Step
		out, err := json.Marshal(printed)
		must(err)
		fmt.Println(string(out))
	}
}

type runner struct {
	Stack
	Service
}

func (r runner) step(name string, in json.RawMessage) (line, error) {
	run, is := steps[name]
	if !is {
		return nil, fmt.Errorf("unknown step")
	}
	var given input
	if err := json.Unmarshal(in, &given); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	return run(r, r.WithToken(ctx, os.Getenv("ARTIFACTA_TOKEN")), given)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
