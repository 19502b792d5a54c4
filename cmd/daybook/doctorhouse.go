package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/internal/warehouse"
)

// schema opens the records and keeps them open for the looks after it.
func (d *doctor) schema(ctx context.Context) []finding {
	const check = "schema"
	s, err := store.Peek(ctx, storeAddress(d.project.Store, d.data))
	if fault.Is(err, fault.NotFound) {
		return []finding{warn(check, "there are no records yet", "daybook run or daybook serve makes them")}
	}
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	has, knows, err := s.Schema(ctx)
	if err != nil {
		return []finding{because(failing, check, errors.Join(err, s.Close()))}
	}
	line := versions(has, knows)
	if line.state != healthy {
		s.Close()
		return []finding{line}
	}
	d.records = s
	return []finding{line}
}

func versions(has, knows int64) finding {
	const check = "schema"
	switch {
	case has > knows:
		return bad(check, fmt.Sprintf("the records have version %d, this program knows %d", has, knows), "start the newer program that wrote them, or restore a backup")
	case has < knows:
		return warn(check, fmt.Sprintf("the records have version %d, this program brings them to %d when it starts", has, knows), "back them up, then restart the server with this version")
	}
	return good(check, fmt.Sprintf("version %d, as this program knows it", has))
}

func (d *doctor) writable(context.Context) []finding {
	const check = "writable"
	dir := existing(filepath.Join(d.data, "lake"))
	f, err := os.CreateTemp(dir, ".doctor-")
	if err == nil {
		_, err = f.WriteString("daybook")
		err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return []finding{bad(check, oneLine(err), "give the account that Daybook runs as the right to write to "+dir)}
	}
	return []finding{good(check, dir)}
}

// existing is the directory, or the first one above it that there is.
func existing(dir string) string {
	for {
		_, err := os.Stat(dir)
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		return dir
	}
}

// Shares of the disk below which there is too little room.
const (
	littleRoom = 0.10
	noRoom     = 0.02
)

func (d *doctor) space(context.Context) []finding {
	dir := existing(filepath.Join(d.data, "lake"))
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return []finding{warn("space", oneLine(err), "")}
	}
	return []finding{room(int64(s.Bavail)*s.Bsize, int64(s.Blocks)*s.Bsize)}
}

// room judges the bytes that are free on a disk.
func room(free, all int64) finding {
	share := 1.0
	if all > 0 { // a file system without a size has no end
		share = float64(free) / float64(all)
	}
	found := fmt.Sprintf("%s free, %s%% of the disk", text.English.Bytes(free), text.English.Percent(share, 0))
	switch {
	case share < noRoom:
		return bad("space", found, "free some space: a full disk stops every build")
	case share < littleRoom:
		return warn("space", found, "free some space, or give the lake a larger disk")
	}
	return good("space", found)
}

// warehouse opens the file where nobody owns the project, and asks the server otherwise.
func (d *doctor) warehouse(ctx context.Context) []finding {
	const check = "opens"
	path := filepath.Join(d.data, "warehouse.duckdb")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return []finding{good(check, "nothing is built yet")}
	}
	release, err := lockProject(d.data, "doctor")
	if isBusy(err) {
		return []finding{d.served(ctx, check, err)}
	}
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	defer release()
	temp, err := os.MkdirTemp("", "daybook-doctor-")
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	defer os.RemoveAll(temp)
	w, err := warehouse.Duck(ctx, warehouse.Options{Path: path, Memory: d.project.Engine.Memory, Threads: d.project.Engine.Threads, Zone: d.project.Zone, Temp: temp})
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	defer w.Close()
	records, err := w.Records(ctx)
	if err != nil {
		return []finding{because(failing, check, err)}
	}
	return []finding{good(check, fmt.Sprintf("%s builds are loaded", text.English.Count(int64(len(records)))))}
}

// served asks the owner of the project.
func (d *doctor) served(ctx context.Context, check string, busy error) finding {
	server, ok := dial(ctx, d.program.dir)
	if !ok {
		return good(check, "not looked at: "+withoutHint(busy))
	}
	defer server.Close()
	if _, _, err := server.Query(ctx, "SELECT 1 AS one", calendar.Day{}); err != nil {
		return because(failing, check, fmt.Errorf("in use by the server, which cannot read it: %w", err))
	}
	return good(check, "in use by the server, where it answers")
}
