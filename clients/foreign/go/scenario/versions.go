package scenario

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	pb "example.com/agent/gen/artifacta/v1"
)

func older(r runner, ctx context.Context, given input) (line, error) {
	service, err := r.Dial("OLDER_", false)
	if err != nil {
		return nil, err
	}
	at := runner{r.Stack, service}
	_, err = at.Info(ctx, &pb.GetServerInfoRequest{})
	info, err := r.failure(err)
	if err != nil {
		return nil, err
	}
	made, err := at.push(ctx, given)
	if err != nil {
		return nil, err
	}
	_, err = at.edges(ctx, given.ref(), pb.LineageDirection_LINEAGE_DIRECTION_INPUTS, 1)
	edges, err := r.failure(err)
	return line{
		"info_code": info.code, "info_reason": info.reason, "lineage_code": edges.code,
		"pushed": pushed(made.Artifact, made.Receipt),
	}, err
}

func newer(r runner, ctx context.Context, given input) (line, error) {
	service, err := r.Dial("NEWER_", false)
	if err != nil {
		return nil, err
	}
	at := runner{r.Stack, service}
	info, err := at.Info(ctx, &pb.GetServerInfoRequest{})
	if err != nil {
		return nil, err
	}
	found, err := at.Get(ctx, &pb.GetArtifactRequest{Artifact: given.ref()})
	if err != nil {
		return nil, err
	}
	_, err = at.push(ctx, given)
	refused, err := r.failure(err)
	if err != nil {
		return nil, err
	}
	receive, err := at.Watch(ctx, &pb.WatchSessionRequest{Session: given.Session})
	committed, outcome := 0, ""
	for err == nil {
		var message *pb.WatchSessionResponse
		if message, err = receive(); err != nil {
			break
		}
		if message.GetCommitted() != nil {
			committed++
		}
		if session := message.GetSealed(); session != nil {
			outcome = strings.TrimPrefix(session.Outcome.String(), "SESSION_OUTCOME_")
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return line{
		"code": refused.code, "committed": committed, "has_feature": slices.Contains(info.ServerInfo.Features, given.Feature),
		"outcome": outcome, "reason": refused.reason, "size_bytes": found.Artifact.SizeBytes,
		"version": info.ServerInfo.Version,
	}, nil
}
