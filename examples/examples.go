// Package examples holds complete projects; the demo is one of them.
package examples

import "embed"

// Library is the demo's project, without its data.
//
//go:embed library/daybook.yaml library/sources library/tables library/marts library/reports
var Library embed.FS
