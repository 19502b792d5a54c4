package main

import "context"

// dial finds the server that owns the project; ok is false when none answers.
func dial(ctx context.Context, dir string) (door, bool) { return nil, false }
