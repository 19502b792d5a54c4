package testenv

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// AWS says where a server that speaks like one of AWS's is, and who is let in.
type AWS struct {
	Endpoint  string // http://127.0.0.1:port
	Region    string
	AccessKey string
	SecretKey string
}

const region = "us-east-1"

var (
	gateway   = sync.OnceValues(startGateway)
	emulators = sync.OnceValues(startEmulators)
)

// S3 is a private S3 server with real signatures and conditional writes; it is shared by the tests of a process.
func S3(t testing.TB) AWS {
	t.Helper()
	return need(t, gateway).at
}

// Bucket is an empty bucket on the server of S3, removed when the test ends.
func Bucket(t testing.TB) (at AWS, bucket string) {
	t.Helper()
	server := need(t, gateway)
	bucket = "t" + strings.ToLower(rand.Text())
	client := s3.New(s3.Options{Region: server.at.Region, BaseEndpoint: aws.String(server.at.Endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(server.at.AccessKey, server.at.SecretKey, "")})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatalf("create a bucket: %v", err)
	}
	t.Cleanup(func() {
		for _, below := range []string{"data", "versions", "sidecar"} {
			if err := os.RemoveAll(filepath.Join(server.dir, below, bucket)); err != nil {
				t.Errorf("remove the bucket: %v", err)
			}
		}
	})
	return server.at, bucket
}

// DynamoDB is a private DynamoDB, shared by the tests of a process: they give their tables names of their own. It knows neither
// transactions, PartiQL, exports nor throttling.
func DynamoDB(t testing.TB) AWS {
	t.Helper()
	return need(t, emulators).at("dynamodb")
}

// Kinesis is a private Kinesis, shared by the tests of a process: they give their streams names of their own. It lacks enhanced fan-out.
func Kinesis(t testing.TB) AWS {
	t.Helper()
	return need(t, emulators).at("kinesis")
}

type vgw struct {
	at  AWS
	dir string
}

func startGateway() (*vgw, error) {
	path, err := exec.LookPath("versitygw")
	if err != nil {
		root, err := module()
		if err != nil {
			return nil, err
		}
		if path, err = exec.LookPath(filepath.Join(root, ".tools", "versitygw")); err != nil {
			return nil, fmt.Errorf("the S3 server versitygw %w: run .ci/setup", errNotInstalled)
		}
	}
	dir, err := directory("s3", nil)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	server := &vgw{dir: dir, at: AWS{Endpoint: "http://" + address, Region: region, AccessKey: "test", SecretKey: rand.Text()}}
	if err := server.start(path, address); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server, nil
}

func (s *vgw) start(path, address string) error {
	data := filepath.Join(s.dir, "data")
	args := []string{path, "--quiet", "--health", "/_health", "--port", address, "--region", s.at.Region,
		"posix", "--versioning-dir", filepath.Join(s.dir, "versions")}
	err := errors.Join(os.Mkdir(data, 0o700), os.Mkdir(filepath.Join(s.dir, "versions"), 0o700), os.Mkdir(filepath.Join(s.dir, "sidecar"), 0o700))
	if err != nil {
		return err
	}
	if syscall.Setxattr(data, "user.daybook", []byte("y"), 0) != nil { // this file system cannot hold what is said about an object
		args = append(args, "--sidecar", filepath.Join(s.dir, "sidecar"))
	}
	_, err = process{name: "versitygw", dir: s.dir, signal: "KILL", args: append(args, data),
		env: []string{"ROOT_ACCESS_KEY=" + s.at.AccessKey, "ROOT_SECRET_KEY=" + s.at.SecretKey}}.start(s.answers)
	return err
}

func (s *vgw) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.at.Endpoint+"/_health", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}

// addresses are the endpoints by service.
type addresses map[string]string

func (a addresses) at(service string) AWS {
	return AWS{Endpoint: a[service], Region: region, AccessKey: "test", SecretKey: "test"}
}

func startEmulators() (addresses, error) {
	root, err := module()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "internal", "testenv", "emulators")
	node, err := program("node", "Node.js", "apt-get install nodejs npm")
	if err != nil {
		return nil, err
	}
	for _, part := range []string{"dynalite", "kinesalite"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", part)); err != nil {
			return nil, fmt.Errorf("%s %w: run .ci/setup", part, errNotInstalled)
		}
	}
	cmd := exec.Command(node, "emulators.js")
	cmd.Dir, cmd.SysProcAttr, cmd.Stderr = dir, attributes(nil), os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // never closed by us: its end is the end of the emulators
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the emulators of DynamoDB and Kinesis: %w", err), cmd.Wait())
	}
	go func() { _ = cmd.Wait() }() // it is not asked how it ended
	var list addresses
	if err := json.Unmarshal(line, &list); err != nil {
		return nil, fmt.Errorf("the emulators said %q: %w", line, err)
	}
	return list, nil
}
