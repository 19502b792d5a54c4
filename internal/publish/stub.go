package publish

import "context"

type DynamoDB struct{}

func (DynamoDB) Publish(ctx context.Context, r Request) (Result, error) { return Result{}, nil }

type Redis struct{}

func (Redis) Publish(ctx context.Context, r Request) (Result, error) { return Result{}, nil }

type S3 struct{}

func (S3) Publish(ctx context.Context, r Request) (Result, error) { return Result{}, nil }
