package publish_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/go-sql-driver/mysql"
)

// guard ends the server when this process does, which closes its standard input, and removes its directory.
const guard = `
exec 3<&0
"$@" </dev/null 3<&- & server=$!
(cat <&3 >/dev/null; kill -QUIT $server; sleep 1; kill -KILL $server 2>/dev/null) & watch=$!
exec 3<&-
wait $server
kill $watch 2>/dev/null
rm -rf "$DIR"
`

// lacking ends a test whose server this machine does not have.
func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("DAYBOOK_TEST") == "strict" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// start runs a server on a free port, as another account when the test's is root and one is named.
func start(account string, command func(dir, port string) ([]string, error)) (addr string, err error) {
	dir, err := os.MkdirTemp("/tmp", "daybook-server-")
	if err != nil {
		return "", err
	}
	var as *syscall.Credential
	if u, err := user.Lookup(account); err == nil && os.Getuid() == 0 {
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return "", err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	args, err := command(dir, port)
	if err != nil {
		return "", err
	}
	server := exec.Command("/bin/sh", append([]string{"-c", guard, "guard"}, args...)...)
	server.Dir, server.Env = dir, append(os.Environ(), "DIR="+dir)
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
	if _, err := server.StdinPipe(); err != nil { // never closed by us: see guard
		return "", err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return "", err
	}
	go server.Wait() // holds the pipe, which would be closed with the garbage
	for deadline := time.Now().Add(60 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return addr, conn.Close()
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			return "", fmt.Errorf("%s: %w\n%s", args[0], err, said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var mariadb = sync.OnceValues(func() (string, error) {
	return start("mysql", func(dir, port string) ([]string, error) {
		as := []string{}
		if os.Getuid() == 0 {
			as = append(as, "--user=mysql")
		}
		if out, err := exec.Command("mariadb-install-db", append([]string{"--no-defaults", "--datadir=" + dir + "/data", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"}, as...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		init := filepath.Join(dir, "init.sql")
		if err := os.WriteFile(init, []byte("CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 'Xk3-mariadb-pw';\nGRANT ALL ON *.* TO 'app'@'127.0.0.1';\n"), 0o644); err != nil {
			return nil, err
		}
		return append([]string{"/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + dir + "/data", "--socket=" + dir + "/s", "--pid-file=" + dir + "/pid", "--port=" + port, "--bind-address=127.0.0.1",
			"--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--sync-binlog=0",
			"--character-set-server=latin1", "--init-file=" + init}, as...), nil
	})
})

// mariaDB is an empty database.
func mariaDB(t *testing.T) (dsn string) {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/mariadbd"); err != nil {
		lacking(t, "MariaDB is not installed: apt-get install mariadb-server")
	}
	addr, err := mariadb()
	if err != nil {
		t.Fatal(err)
	}
	name := "t" + strings.ToLower(rand.Text())
	db, err := sql.Open("mysql", "app:Xk3-mariadb-pw@tcp("+addr+")/")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	return "app:Xk3-mariadb-pw@tcp(" + addr + ")/" + name
}

// awsServer is where a server that speaks like one of AWS's is, and who is let in.
type awsServer struct{ Endpoint, Region, AccessKey, SecretKey string }

var gateway = sync.OnceValues(func() (string, error) {
	return start("", func(dir, port string) ([]string, error) {
		program, err := filepath.Abs("../../.tools/versitygw")
		if err != nil {
			return nil, err
		}
		for _, d := range []string{"data", "versions"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
				return nil, err
			}
		}
		return []string{"env", "ROOT_ACCESS_KEY=test", "ROOT_SECRET_KEY=Vg9-gateway-secret", program, "--quiet", "--port", "127.0.0.1:" + port, "--region", "us-east-1",
			"posix", "--versioning-dir", dir + "/versions", dir + "/data"}, nil
	})
})

// bucket is an empty bucket.
func bucket(t *testing.T) (awsServer, string) {
	t.Helper()
	if _, err := os.Stat("../../.tools/versitygw"); err != nil {
		lacking(t, "the S3 server versitygw is not installed: run .ci/setup")
	}
	addr, err := gateway()
	if err != nil {
		t.Fatal(err)
	}
	at := awsServer{"http://" + addr, "us-east-1", "test", "Vg9-gateway-secret"}
	name := "t" + strings.ToLower(rand.Text())
	if _, err := at.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return at, name
}

func (a awsServer) s3() *s3.Client {
	return s3.New(s3.Options{Region: a.Region, BaseEndpoint: &a.Endpoint, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey, a.SecretKey, "")})
}

func (a awsServer) dynamoDB() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{Region: a.Region, BaseEndpoint: &a.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey, a.SecretKey, "")})
}

var dynalite = sync.OnceValues(func() (string, error) {
	return start("", func(dir, port string) ([]string, error) {
		modules, err := filepath.Abs("../testenv/emulators/node_modules")
		if err != nil {
			return nil, err
		}
		// It throws when a client goes away within a request.
		return []string{"env", "NODE_PATH=" + modules, "node", "-e", "process.on('uncaughtException', (err) => { if (err.code !== 'ECONNRESET') throw err }); require('dynalite')({createTableMs: 5}).listen(" + port + ", '127.0.0.1')"}, nil
	})
})

// dynamoDB is a server shared by tests, which name their tables apart.
func dynamoDB(t *testing.T) awsServer {
	t.Helper()
	if _, err := os.Stat("../testenv/emulators/node_modules/dynalite"); err != nil {
		lacking(t, "dynalite is not installed: run npm ci in internal/testenv/emulators")
	}
	addr, err := dynalite()
	if err != nil {
		t.Fatal(err)
	}
	return awsServer{"http://" + addr, "us-east-1", "test", "Dy5-dynalite-secret"}
}

// redisServer is an empty server.
func redisServer(t *testing.T) (addr string) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		lacking(t, "Redis is not installed: apt-get install redis-server")
	}
	addr, err := start("", func(dir, port string) ([]string, error) {
		return []string{"redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", dir}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
