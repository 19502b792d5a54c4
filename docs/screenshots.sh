#!/usr/bin/env bash
# Makes the pictures of docs/img from the demo, with Chromium. Needs what `make demo` needs.
set -euo pipefail
cd "$(dirname "$0")/.."
make build
go test ./docs -run TestShots -timeout 15m -count 1 -shots "$PWD/bin/daybook"
