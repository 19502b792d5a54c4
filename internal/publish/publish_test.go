package publish_test

import (
	"time"

	"daybook/internal/project"
)

// tablePublication is of the suite's mart into a table that is made.
func tablePublication(to, mode string) project.Publication {
	table := map[string]string{"postgres": "shop.items", "mysql": "items", "dynamodb": "items"}[to]
	return project.Publication{Name: "items", File: "publish/items.yaml", Line: 1, Mart: "items", To: to, Mode: mode, URL: "env:TARGET", Table: table, Create: true,
		Lock: 5 * time.Second, Timeout: time.Minute, Orphans: "fail"}
}
