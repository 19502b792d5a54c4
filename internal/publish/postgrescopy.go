package publish

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// copyRows streams the rows into a table in COPY's text form, which the server reads with the input function of each column's type: no
// digit is lost, and enums and domains need no knowledge here.
func copyRows(ctx context.Context, conn *pgconn.PgConn, l *layout, types []string, sql string) error {
	reader, writer := io.Pipe()
	fed := make(chan error, 1)
	go func() {
		out := bufio.NewWriterSize(writer, 64<<10)
		err := l.each(ctx, func(row []any) error { return copyRow(out, l, row, types) })
		if err == nil {
			err = out.Flush()
		}
		writer.CloseWithError(err)
		fed <- err
	}()
	_, err := conn.CopyFrom(ctx, reader, sql)
	reader.CloseWithError(io.ErrClosedPipe) // when the server ended it, the feeder must too
	if cause := <-fed; cause != nil && !errors.Is(cause, io.ErrClosedPipe) {
		return cause
	}
	return err
}

var copyEscapes = strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func copyRow(out *bufio.Writer, l *layout, row []any, types []string) error {
	for i, v := range row {
		if i > 0 {
			out.WriteByte('\t')
		}
		if v == nil {
			out.WriteString(`\N`)
			continue
		}
		text := literal(v, l.columns[i].Type, types[i])
		if strings.IndexByte(text, 0) >= 0 {
			return l.bad(row, i, "holds a NUL character, which PostgreSQL cannot", "take it out in the mart's SQL: replace(…, chr(0), '')")
		}
		if types[i] == "jsonb" && escapedNUL(text) {
			return l.bad(row, i, `holds the NUL character \u0000, which jsonb cannot`, `take it out in the mart's SQL: replace(…, '\u0000', ''), or give the column the type json or text`)
		}
		if !utf8.ValidString(text) {
			return l.bad(row, i, "is not UTF-8 text", "mend it in the mart's SQL")
		}
		if _, err := copyEscapes.WriteString(out, text); err != nil {
			return err
		}
	}
	return out.WriteByte('\n')
}

// escapedNUL reports whether JSON text has a \u0000 whose backslash is not itself escaped.
func escapedNUL(text string) bool {
	for i := strings.IndexByte(text, '\\'); i >= 0 && i < len(text)-1; i++ {
		if text[i] == '\\' {
			if strings.HasPrefix(text[i:], `\u0000`) {
				return true
			}
			i++
		}
	}
	return false
}

// literal is a value as the input function of the target's type reads it.
func literal(v any, kind, target string) string {
	if items, ok := v.([]any); ok && strings.HasSuffix(target, "[]") {
		return arrayLiteral(items, strings.TrimSuffix(kind, "[]"))
	}
	if s, ok := v.(string); ok && kind == "BLOB" && target == "bytea" {
		if _, err := hex.DecodeString(s); err == nil {
			return `\x` + s
		}
	}
	return plain(v, kind)
}

var arrayEscapes = strings.NewReplacer("\\", `\\`, `"`, `\"`)

func arrayLiteral(items []any, kind string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		switch item := item.(type) {
		case nil:
			b.WriteString("NULL")
		case []any:
			b.WriteString(arrayLiteral(item, strings.TrimSuffix(kind, "[]")))
		default:
			b.WriteString(`"` + arrayEscapes.Replace(plain(item, kind)) + `"`)
		}
	}
	b.WriteByte('}')
	return b.String()
}
