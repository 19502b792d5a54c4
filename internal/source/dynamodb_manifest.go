package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/fault"
)

// manifestLimit bounds what is read of a manifest: some 200,000 files.
const manifestLimit = 64 << 20

// exportFile is a line of manifest-files.json.
type exportFile struct {
	Items int64  `json:"itemCount"`
	MD5   string `json:"md5Checksum"` // base64
	ETag  string `json:"etag"`
	Key   string `json:"dataFileS3Key"`
}

// manifest lists the data files of an export. The counts of the export, of its summary and of its files must agree.
func (e dynamoExport) manifest(ctx context.Context, export *types.ExportDescription) ([]exportFile, error) {
	bucket, key := e.bucket(export), e.key(export, aws.ToString(export.ExportManifest))
	if !strings.HasSuffix(key, "manifest-summary.json") {
		return nil, e.damaged("ExportManifest", fmt.Sprintf("names %q and no manifest-summary.json", key))
	}
	text, err := e.read(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	var summary struct {
		Export string `json:"exportArn"`
		Files  string `json:"manifestFilesS3Key"`
		Items  int64  `json:"itemCount"`
		Format string `json:"outputFormat"`
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return nil, e.damaged(key, "is no JSON: "+err.Error())
	}
	switch {
	case summary.Export != aws.ToString(export.ExportArn):
		return nil, e.damaged(key, "is of another export, "+summary.Export)
	case summary.Format != "DYNAMODB_JSON":
		return nil, e.damaged(key, "is of an export in the format "+summary.Format)
	case export.ItemCount != nil && *export.ItemCount != summary.Items:
		return nil, e.damaged(key, fmt.Sprintf("counts %d items, the export %d", summary.Items, *export.ItemCount))
	}
	list := e.key(export, summary.Files)
	if text, err = e.read(ctx, bucket, list); err != nil {
		return nil, err
	}
	var files []exportFile
	var items int64
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var f exportFile
		err := d.Decode(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || f.Key == "" || f.Items < 0 {
			return nil, e.damaged(list, fmt.Sprintf("names no file in its entry %d", len(files)+1))
		}
		f.Key = e.key(export, f.Key)
		files = append(files, f)
		items += f.Items
	}
	if items != summary.Items {
		return nil, e.damaged(list, fmt.Sprintf("counts %d items in its files, the summary %d", items, summary.Items))
	}
	return files, nil
}

// key is an object's key: whatever an export writes is below its prefix, also where a manifest leaves it out.
func (e dynamoExport) key(export *types.ExportDescription, key string) string {
	prefix := strings.Trim(aws.ToString(export.S3Prefix), "/")
	if prefix == "" || strings.HasPrefix(key, prefix+"/") {
		return key
	}
	return prefix + "/" + key
}

// read reads a manifest and compares it with the checksum that lies beside it, if there is one.
func (e dynamoExport) read(ctx context.Context, bucket, key string) ([]byte, error) {
	text, err := e.whole(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	var beside []byte
	for _, ending := range []string{".checksum", ".md5"} {
		beside, err = e.whole(ctx, bucket, strings.TrimSuffix(key, path.Ext(key))+ending)
		if !fault.Is(err, fault.Damaged) {
			break
		}
	}
	if fault.Is(err, fault.Damaged) { // there is none
		return text, nil
	}
	if err != nil {
		return nil, err
	}
	want := strings.TrimSpace(string(beside))
	if sum := md5.Sum(text); want != base64.StdEncoding.EncodeToString(sum[:]) && !strings.EqualFold(want, fmt.Sprintf("%x", sum)) {
		return nil, e.damaged(key, "is not what its checksum was made of")
	}
	return text, nil
}

func (e dynamoExport) whole(ctx context.Context, bucket, key string) ([]byte, error) {
	body, _, err := e.open(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, manifestLimit+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("source %s: s3://%s/%s broke off", e.r.Source.Name, bucket, key), "run the day again")
	}
	if len(text) > manifestLimit {
		return nil, e.damaged(key, "is too large for a manifest")
	}
	return text, nil
}

// exportProof reads a data file and ends with an error, not with its end, unless it was what the manifest says: the checksum of its
// bytes, and the count of its lines.
type exportProof struct {
	file    exportFile
	body    io.Reader
	damaged func(what string) error
	broken  error // what ended the body before its end

	sum    hash.Hash
	unpack *io.PipeWriter
	lines  chan exportLines
}

type exportLines struct {
	n   int64
	err error
}

func newExportProof(f exportFile, body io.Reader) *exportProof {
	r, w := io.Pipe()
	p := &exportProof{file: f, body: body, sum: md5.New(), unpack: w, lines: make(chan exportLines, 1)}
	go func() {
		n, err := countLines(r)
		r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // the rest goes nowhere
		p.lines <- exportLines{n, err}
	}()
	return p
}

// countLines counts the lines of compressed text that are not empty.
func countLines(packed io.Reader) (n int64, err error) {
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return 0, err
	}
	empty := true
	r := bufio.NewReaderSize(unpacked, 64<<10)
	for {
		line, err := r.ReadSlice('\n')
		empty = empty && len(bytes.TrimSpace(line)) == 0
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if !empty {
			n++
		}
		empty = true
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (p *exportProof) close() { p.unpack.CloseWithError(io.ErrUnexpectedEOF) }

func (p *exportProof) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	p.sum.Write(b[:n])
	_, _ = p.unpack.Write(b[:n]) // who counts says itself why it stopped
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		p.broken = err
		return n, err
	}
	p.unpack.Close()
	lines := <-p.lines
	p.lines <- lines // the end may be read again
	switch {
	case p.file.MD5 != "" && base64.StdEncoding.EncodeToString(p.sum.Sum(nil)) != p.file.MD5:
		return n, p.damaged("is not what its checksum in the manifest was made of")
	case lines.err != nil:
		return n, p.damaged("cannot be unpacked: " + lines.err.Error())
	case lines.n != p.file.Items:
		return n, p.damaged(fmt.Sprintf("has %d items, and %d in the manifest", lines.n, p.file.Items))
	}
	return n, io.EOF
}
