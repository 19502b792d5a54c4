package publish_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/publish/publishtest"
)

func TestRedisDoesWhatTargetsMust(t *testing.T) {
	publishtest.Run(t, func(t *testing.T) publishtest.World { return redisWorld(t).World })
}

type redisPlace struct {
	publishtest.World
	client *redis.Client
}

func redisWorld(t *testing.T) redisPlace {
	addr := redisServer(t)
	const password = "rEdIs-p4ss"
	client := redis.NewClient(&redis.Options{Addr: addr, Password: password})
	t.Cleanup(func() { client.Close() })
	open := redis.NewClient(&redis.Options{Addr: addr})
	defer open.Close()
	if err := open.ConfigSet(t.Context(), "requirepass", password).Err(); err != nil {
		t.Fatal(err)
	}
	proxy := publishtest.NewProxy(t, addr)
	p := redisPlace{client: client}
	secrets := func(password string) map[string]string {
		return map[string]string{"env:TARGET": "redis://:" + password + "@" + proxy.Addr + "/0"}
	}
	publication := func(mode string) project.Publication {
		name := "items"
		if mode == "day" {
			name = "items:{day}"
		}
		return project.Publication{Name: "items", Mart: "items", To: "redis", Mode: mode, URL: "env:TARGET", Redis: project.Redis{Name: name, Structure: "hash"}}
	}
	p.World = publishtest.World{
		To: "redis", Modes: []string{"swap", "upsert", "day"}, Secrets: secrets(password), Secret: password, Proxy: proxy, Atomic: true, Publication: publication,
		Read: func(mode string, d calendar.Day) []string {
			all, err := client.HGetAll(t.Context(), strings.ReplaceAll(publication(mode).Redis.Name, "{day}", d.String())).Result()
			if err != nil {
				t.Error(err)
			}
			var out []string
			for field, value := range all {
				row := readObject(t, []byte(value))
				if !strings.Contains(row, "|"+field+"|") {
					t.Errorf("field %s holds %s", field, value)
				}
				out = append(out, row)
			}
			slices.Sort(out)
			return out
		},
		Denied: func(mode string) (project.Publication, map[string]string) {
			return publication(mode), secrets("wrong-" + password)
		},
	}
	return p
}

// readObject is a row of JSON as the suite writes it.
func readObject(t *testing.T, object []byte) string {
	t.Helper()
	var row struct {
		Day   string
		ID    any
		Name  *string
		Price string
		Tags  []any
		At    string
		Data  struct{ N int }
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&row); err != nil {
		t.Errorf("%s: %v", object, err)
	}
	if row.At != "2026-11-18T22:30:00.123456Z" || len(row.Tags) != 3 || row.Data.N != 1 {
		t.Errorf("at, tags or data of %s", object)
	}
	name := publishtest.Null
	if row.Name != nil {
		name = *row.Name
	}
	id, ok := row.ID.(string)
	if !ok {
		id = row.ID.(json.Number).String()
	}
	return publishtest.Text(row.Day, id, name, row.Price)
}
