package scenario

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "example.com/agent/gen/artifacta/v1"
)

// input has the members of `in` of all steps.
type input struct {
	Session         string
	Name            string
	Text            string
	Metadata        map[string]string
	Labels          map[string]string
	ExpectedOutputs []string `json:"expected_outputs"`
	RequestID       string   `json:"request_id"`
	Method          string
	GeneratedBytes  int `json:"generated_bytes"`
	SentBytes       int `json:"sent_bytes"`
	Pages           int
	Filter          string
	PageSize        int32 `json:"page_size"`
	Offset          int64
	Limit           int64
	Log             *input
	Document        *input
	Lines           struct{ First, Count int64 }
	Grep            struct {
		Pattern    string
		MaxMatches int32 `json:"max_matches"`
	}
	Pointer      string
	MaxBytes     int32 `json:"max_bytes"`
	Input        string
	Summary      *input
	Report       *input
	Depth        int32
	OtherText    string `json:"other_text"`
	Case         string
	Cases        []input
	Token        string
	Times        int
	Outcome      string
	Retry        *input
	OtherOutcome string `json:"other_outcome"`
	Feature      string

	inputs []string
}

func (i input) spec() *pb.ArtifactSpec {
	return &pb.ArtifactSpec{
		Session: i.Session, Name: i.Name, Metadata: i.Metadata, Labels: i.Labels, RequestId: i.RequestID, Inputs: i.inputs,
	}
}

func (i input) ref() *pb.ArtifactRef {
	return &pb.ArtifactRef{By: &pb.ArtifactRef_Name{Name: &pb.ArtifactName{Session: i.Session, Name: i.Name}}}
}

// within returns the other input in the session of this one.
func (i input) within(other *input) input {
	other.Session = i.Session
	return *other
}

var steps = map[string]func(runner, context.Context, input) (line, error){
	"server": server, "open": open, "push-small": pushSmall, "push-stream": pushStream, "push-again": pushStream,
	"push-version": pushVersion, "query": query, "pull": pull, "range": downloadRange, "read": read, "lineage": lineage,
	"retry": retry, "errors": failures, "cancel": cancel, "compressed": compressed, "watch": watch, "sealed": sealed,
	"older": older, "newer": newer,
}

func (r runner) push(ctx context.Context, given input) (*pb.CreateArtifactResponse, error) {
	return r.Create(ctx, &pb.CreateArtifactRequest{
		Spec: given.spec(), Content: &pb.CreateArtifactRequest_Data{Data: []byte(given.Text)},
	})
}

func pushed(artifact *pb.Artifact, receipt *pb.Receipt) string {
	switch {
	case receipt.GetReplayed():
		return "replayed"
	case receipt.GetDeduplicated():
		return "unchanged"
	case artifact.GetVersion() == 1:
		return "new"
	}
	return "version"
}

func record(artifact *pb.Artifact, receipt *pb.Receipt) line {
	return line{
		"content_type": artifact.ContentType, "name": artifact.Name, "pushed": pushed(artifact, receipt),
		"sha256": artifact.Sha256, "size_bytes": artifact.SizeBytes, "version": artifact.Version,
	}
}

func server(r runner, ctx context.Context, given input) (line, error) {
	answer, err := r.Info(ctx, &pb.GetServerInfoRequest{})
	if err != nil {
		return nil, err
	}
	info := answer.ServerInfo
	return line{
		"authentication_required": info.AuthenticationRequired,
		"chunk_bytes":             info.Limits.ChunkBytes,
		"has_method":              slices.Contains(info.Methods, given.Method),
		"max_inline_bytes":        info.Limits.MaxInlineBytes,
	}, nil
}

func (r runner) open(ctx context.Context, given input) (*pb.OpenSessionResponse, error) {
	return r.Open(ctx, &pb.OpenSessionRequest{
		Session: given.Session, Metadata: given.Metadata, Labels: given.Labels, ExpectedOutputs: given.ExpectedOutputs,
	})
}

func open(r runner, ctx context.Context, given input) (line, error) {
	answer, err := r.open(ctx, given)
	if err != nil {
		return nil, err
	}
	session := answer.Session
	return line{
		"agent":            session.Metadata["agent"],
		"city_hex":         hex.EncodeToString([]byte(session.Metadata["city"])),
		"expected_outputs": session.ExpectedOutputs,
		"stage":            session.Labels["stage"],
		"state":            strings.TrimPrefix(session.State.String(), "SESSION_STATE_"),
	}, nil
}

func pushSmall(r runner, ctx context.Context, given input) (line, error) {
	answer, err := r.push(ctx, given)
	if err != nil {
		return nil, err
	}
	printed := record(answer.Artifact, answer.Receipt)
	printed["inherited"] = answer.Artifact.InheritedMetadataKeys
	printed["kind"] = answer.Artifact.Metadata["kind"]
	printed["reviewed"] = answer.Artifact.Labels["reviewed"]
	return printed, nil
}

func pushVersion(r runner, ctx context.Context, given input) (line, error) {
	answer, err := r.push(ctx, given)
	if err != nil {
		return nil, err
	}
	return record(answer.Artifact, answer.Receipt), nil
}

func query(r runner, ctx context.Context, given input) (line, error) {
	for page := range given.Pages {
		number := fmt.Sprintf("%02d", page)
		one := given
		one.Name, one.Text = strings.Replace(given.Name, "NN", number, 1), strings.Replace(given.Text, "NN", number, 1)
		if _, err := r.push(ctx, one); err != nil {
			return nil, err
		}
	}
	names, first := []string{}, -1
	request := &pb.ListArtifactsRequest{
		Filter: given.Filter, PageSize: given.PageSize, Order: pb.ListOrder_LIST_ORDER_OLDEST_FIRST,
	}
	for first < 0 || request.PageToken != "" {
		page, err := r.List(ctx, request)
		if err != nil {
			return nil, err
		}
		if first < 0 {
			first = len(page.Artifacts)
		}
		for _, artifact := range page.Artifacts {
			names = append(names, artifact.Name)
		}
		request.PageToken = page.NextPageToken
	}
	sort.Strings(names)
	return line{"count": len(names), "first": names[0], "first_page": first, "last": names[len(names)-1]}, nil
}

func read(r runner, ctx context.Context, given input) (line, error) {
	log, document := given.within(given.Log), given.within(given.Document)
	for _, each := range []input{log, document} {
		if _, err := r.push(ctx, each); err != nil {
			return nil, err
		}
	}
	grep := &pb.GrepWindow{Pattern: given.Grep.Pattern, MaxMatches: given.Grep.MaxMatches}
	requests := []*pb.ReadArtifactRequest{
		{Artifact: log.ref(), Window: &pb.ReadArtifactRequest_Grep{Grep: grep}},
		{Artifact: log.ref(), Window: &pb.ReadArtifactRequest_Lines{
			Lines: &pb.LineWindow{First: given.Lines.First, Count: proto.Int64(given.Lines.Count)},
		}},
		{Artifact: document.ref(), Window: &pb.ReadArtifactRequest_Json{Json: &pb.JsonWindow{Pointer: given.Pointer}}},
		{Artifact: log.ref(), MaxBytes: given.MaxBytes},
		{Artifact: log.ref(), MaxBytes: given.MaxBytes},
	}
	var answers []*pb.ReadArtifactResponse
	for at, request := range requests {
		if at == 4 {
			request.Cursor = answers[3].NextCursor
		}
		answer, err := r.Read(ctx, request)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	matches := []int64{}
	for _, match := range answers[0].Matches {
		matches = append(matches, match.Line)
	}
	return line{
		"grep": answers[0].GetText(), "lines": answers[1].GetText(), "matches": matches,
		"pieces":  []string{answers[3].GetText(), answers[4].GetText()},
		"pointer": answers[2].GetText(), "truncated": answers[3].Truncated,
	}, nil
}

func (r runner) edges(ctx context.Context, from *pb.ArtifactRef, way pb.LineageDirection, depth int32) ([]string, error) {
	answer, err := r.Lineage(ctx, &pb.ListLineageRequest{Artifact: from, Direction: way, Depth: depth})
	if err != nil {
		return nil, err
	}
	edges := []string{}
	for _, edge := range answer.Edges {
		edges = append(edges, fmt.Sprint(edge.Depth, " ", edge.Artifact.Name, " ", edge.Artifact.Version))
	}
	return edges, nil
}

func lineage(r runner, ctx context.Context, given input) (line, error) {
	input := given.within(&input{Name: given.Input}).ref()
	input.GetName().Version = proto.Int64(2)
	found, err := r.Get(ctx, &pb.GetArtifactRequest{Artifact: input})
	if err != nil {
		return nil, err
	}
	summary, report := given.within(given.Summary), given.within(given.Report)
	summary.inputs = []string{found.Artifact.Id}
	made, err := r.push(ctx, summary)
	if err != nil {
		return nil, err
	}
	report.inputs = []string{made.Artifact.Id}
	if _, err = r.push(ctx, report); err != nil {
		return nil, err
	}
	derived, err := r.edges(ctx, input, pb.LineageDirection_LINEAGE_DIRECTION_DERIVED, given.Depth)
	if err != nil {
		return nil, err
	}
	inputs, err := r.edges(ctx, report.ref(), pb.LineageDirection_LINEAGE_DIRECTION_INPUTS, given.Depth)
	return line{"derived": derived, "inputs": inputs}, err
}

func retry(r runner, ctx context.Context, given input) (line, error) {
	first, err := r.push(ctx, given)
	if err != nil {
		return nil, err
	}
	second, err := r.push(ctx, given)
	if err != nil {
		return nil, err
	}
	given.Text = given.OtherText
	_, err = r.push(ctx, given)
	other, err := r.failure(err)
	return line{
		"first": pushed(first.Artifact, first.Receipt), "other": other.reason,
		"same_artifact": first.Artifact.Id == second.Artifact.Id, "second": pushed(second.Artifact, second.Receipt),
	}, err
}

func failures(r runner, ctx context.Context, given input) (line, error) {
	get := func(one input) error {
		inner := ctx
		if one.Token != "" {
			inner = r.WithToken(context.Background(), one.Token)
		}
		_, err := r.Get(inner, &pb.GetArtifactRequest{Artifact: one.ref()})
		return err
	}
	calls := map[string]func(input) error{
		"unknown-session": get,
		"bad-name":        func(one input) error { _, err := r.push(ctx, one); return err },
		"bad-filter": func(one input) error {
			_, err := r.List(ctx, &pb.ListArtifactsRequest{Filter: one.Filter})
			return err
		},
		"conflict":  func(one input) error { _, err := r.open(ctx, one); return err },
		"bad-token": get,
		"no-scope": func(one input) error {
			_, err := r.Share(ctx, &pb.CreateShareLinkRequest{Artifact: one.ref()})
			return err
		},
	}
	found := []line{}
	for _, one := range given.Cases {
		is, err := r.failure(calls[one.Case](one))
		if err != nil {
			return nil, err
		}
		found = append(found, line{"case": one.Case, "code": is.code, "field": is.field, "reason": is.reason})
	}
	return line{"errors": found}, nil
}

func compressed(r runner, ctx context.Context, given input) (line, error) {
	service, err := r.Dial("", true)
	if err != nil {
		return nil, err
	}
	given.Text = strings.Repeat(given.Text, given.Times)
	return pushVersion(runner{r.Stack, service}, ctx, given)
}

func (r runner) seal(ctx context.Context, session, outcome string) error {
	number := pb.SessionOutcome_value["SESSION_OUTCOME_"+outcome]
	_, err := r.Seal(ctx, &pb.SealSessionRequest{Session: session, Outcome: pb.SessionOutcome(number)})
	return err
}

func watch(r runner, ctx context.Context, given input) (line, error) {
	receive, err := r.Watch(ctx, &pb.WatchSessionRequest{Session: given.Session})
	if err != nil {
		return nil, err
	}
	committed, sealing := 0, false
	var last *pb.WatchSessionResponse
	for {
		message, err := receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !sealing {
			sealing = true
			if err := r.seal(ctx, given.Session, given.Outcome); err != nil {
				return nil, err
			}
		}
		if message.GetCommitted() != nil {
			committed++
		}
		last = message
	}
	session := last.GetSealed()
	if session == nil {
		return nil, fmt.Errorf("the watch ended without the seal")
	}
	return line{
		"artifact_count": session.ArtifactCount, "committed": committed, "last": "sealed",
		"missing_outputs": session.MissingOutputs,
		"outcome":         strings.TrimPrefix(session.Outcome.String(), "SESSION_OUTCOME_"),
		"state":           strings.TrimPrefix(session.State.String(), "SESSION_STATE_"),
	}, nil
}

func sealed(r runner, ctx context.Context, given input) (line, error) {
	_, err := r.push(ctx, given)
	late, err := r.failure(err)
	if err != nil {
		return nil, err
	}
	again, err := r.push(ctx, given.within(given.Retry))
	if err != nil {
		return nil, err
	}
	other, err := r.failure(r.seal(ctx, given.Session, given.OtherOutcome))
	return line{
		"code": late.code, "other_seal": other.reason, "outcome": late.metadata["outcome"], "reason": late.reason,
		"retry": pushed(again.Artifact, again.Receipt),
	}, err
}
