package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// served demands that everybody gets their answers, and soon: who signs in, refreshes, signs out, passes the guard and is refused by it.
func served(t *testing.T, g *gateway, u, b, out *user) {
	t.Helper()
	soon := &http.Client{Timeout: 10 * time.Second, Transport: g.client.Transport, CheckRedirect: g.client.CheckRedirect}
	for range 20 {
		g.do(t, call{path: "/x", bearer: u.access, client: soon}).must(t, 200, "")
		g.do(t, call{path: "/x", cookies: b.cookies, client: soon}).must(t, 200, "")
		g.do(t, call{path: "/x", bearer: out.access, client: soon}).must(t, 401, "invalid_token")
		g.do(t, call{path: "/x", client: soon}).must(t, 401, "authentication_required")
	}
	s := &user{email: u.email, password: u.password}
	s.take(t, g.api(t, "POST", "/login", object{"login": u.email, "password": u.password}, call{client: soon}).must(t, 200, ""))
	s.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": s.refresh}, call{client: soon}).must(t, 200, ""))
	g.api(t, "POST", "/logout", nil, call{bearer: s.access, client: soon}).must(t, 204, "")
	g.do(t, call{path: "/x", bearer: s.access, client: soon}).must(t, 401, "invalid_token")
	renew := map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: renew, client: soon}).must(t, 200, ""))
}

// failed demands that wrong passwords are answered, each of which is a line of the log. Two at once: more would wait for the hasher, which
// a busy machine answers 503.
func failed(t *testing.T, g *gateway, u *user, n int) {
	t.Helper()
	wrong := call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": "not the password at all"}}
	var all sync.WaitGroup
	hashing := make(chan struct{}, 2)
	for range n {
		all.Go(func() {
			hashing <- struct{}{}
			defer func() { <-hashing }()
			if a, err := g.try(wrong); err != nil || a.status != 401 {
				t.Errorf("a wrong password is answered %d %.300s %v", a.status, a.body, err)
			}
		})
	}
	all.Wait()
}

const diskSize = 256 << 10

// smallDisk is a folder with a file system of its own, of diskSize; "" where nobody but root may mount one.
func smallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k")
	if errors.Is(err, syscall.EPERM) {
		return ""
	}
	if err != nil {
		t.Fatalf("mounting a file system for the log: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting the log's file system: %v", err)
		}
	})
	return dir
}

// fillDisk takes what space is left beside the log.
func fillDisk(t testing.TB, dir string) (filler string) {
	t.Helper()
	filler = filepath.Join(dir, "filler")
	f, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return filler
}

// busy asks the guard two thousand times, thrice, and demands that the last of them leaves the process no larger than the first.
func busy(t *testing.T, g *gateway, u *user) {
	t.Helper()
	var held []int // MiB
	for range 3 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 250 {
					if a, err := g.try(call{path: "/x", bearer: u.access}); err != nil || a.status != 200 {
						t.Errorf("a guarded request is answered %d %v", a.status, err)
						return
					}
				}
			})
		}
		all.Wait()
		held = append(held, g.resident(t))
	}
	if held[2] > held[0]+64 { // a few on an idle machine
		t.Errorf("the process holds %v MiB", held)
	}
}

// TestLogSink_Full: the file system of the log is full. Everything goes on as ever although every request has a line, and
// memory does not grow; once there is space the log goes on. Where none can be mounted the log is a device that is always full.
func TestLogSink_Full(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	file, more := filepath.Join(disk, "gateway.log"), ""
	if disk == "" {
		file, more = "/dev/full", " {\n\t\t\troll_disabled\n\t\t}"
	}
	g := start(t, plan{caddy: "log {\n\t\toutput file " + file + more + "\n\t}", global: "lockout off",
		site: strings.Replace(defaultSite, "gatehouse\n", "log\n\tgatehouse\n", 1)})
	u, b, out := g.newUser(t), g.newBrowser(t), g.newUser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	for range soak.N(1, 3) {
		filler := ""
		if disk != "" {
			filler = fillDisk(t, disk)
		}
		busy(t, g, u)
		served(t, g, u, b, out)
		failed(t, g, u, 4)
		if disk != "" {
			spaceAgain(t, g, out, file, filler)
		}
	}
}

// spaceAgain makes room beside the log, and demands that the next line stands in it: one about whoever, of whom no line waits yet.
func spaceAgain(t *testing.T, g *gateway, whoever *user, file, filler string) {
	t.Helper()
	if n := len(fileOf(t, filler)) + len(fileOf(t, file)); n != diskSize {
		t.Errorf("the disk has %d bytes of %d in it: it was not full", n, diskSize)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	told := func() (lines int) {
		for line := range bytes.Lines(fileOf(t, file)) {
			if bytes.Contains(line, []byte("sign-in failed")) && bytes.Contains(line, []byte(whoever.id)) {
				lines++
			}
		}
		return lines
	}
	before := told()
	failed(t, g, whoever, 1)
	eventually(t, "the log goes on", func() bool { return told() == before+1 })
	if err := os.Truncate(file, 0); err != nil { // or it would fill the disk with the next round
		t.Fatal(err)
	}
}

func fileOf(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pipe is a FIFO for a log. It is read until it is to be stuck: each question whether a gateway is ready is a line of Caddy's own, and a
// slow start would fill it.
type pipe struct {
	path    string
	f       *os.File
	read    gatehousetest.Log
	reading sync.WaitGroup
}

func newPipe(t testing.TB) *pipe {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	p := &pipe{path: path, f: f}
	p.flow(t)
	return p
}

// stick stops the reading and fills the pipe to the last byte.
func (p *pipe) stick(t testing.TB) {
	t.Helper()
	if err := p.f.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	p.reading.Wait()
	conn, err := p.f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{4096, 1} {
		err = conn.Control(func(fd uintptr) {
			for err == nil {
				_, err = syscall.Write(int(fd), bytes.Repeat([]byte("\n"), n))
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flow reads from now on.
func (p *pipe) flow(t testing.TB) {
	t.Helper()
	if err := p.f.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	p.reading.Go(func() { _, _ = io.Copy(&p.read, p.f) })
}

// stuckLog is a gateway whose log goes into a pipe that is full.
func stuckLog(t *testing.T) (g *gateway, p *pipe, u, b, out *user) {
	t.Helper()
	p = newPipe(t)
	g = start(t, plan{caddy: "log {\n\t\toutput file " + p.path + " {\n\t\t\troll_disabled\n\t\t}\n\t}", global: "lockout off"})
	u, b, out = g.newUser(t), g.newBrowser(t), g.newUser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	p.stick(t)
	return g, p, u, b, out
}

// TestLogSink_Stuck: nobody reads the pipe that the log goes into, and somebody's line waits for it. Whoever has no line gets
// their answer as ever. Once there is a reader the log goes on, with the line that waited.
func TestLogSink_Stuck(t *testing.T) {
	t.Parallel()
	g, p, u, b, out := stuckLog(t)
	var guess sync.WaitGroup
	guess.Go(func() { failed(t, g, u, 1) })
	for range soak.N(2, 20) {
		served(t, g, u, b, out)
	}
	busy(t, g, u)
	p.flow(t)
	guess.Wait()
	failed(t, g, u, 1)
	eventually(t, "the log goes on", func() bool { return strings.Count(p.read.String(), "sign-in failed") == 2 })
	served(t, g, u, b, out)
}

// TestLogSink_StuckGuesses: whoever has a line gets their answer although the log takes none, and the rest of the lines are told later.
func TestLogSink_StuckGuesses(t *testing.T) {
	t.Parallel()
	g, p, u, b, out := stuckLog(t)
	failed(t, g, u, soak.N(8, 200))
	served(t, g, u, b, out)
	p.flow(t)
	eventually(t, "the log goes on", func() bool { return strings.Contains(p.read.String(), "sign-in failed") })
}

// pageSize is SQLite's own, which the gateway leaves as it is.
const pageSize = 4096

// roots are the pages of the file that tables and indices begin at, by name. Small ones have no other.
func (g *gateway) roots(t testing.TB) map[string]int64 {
	t.Helper()
	roots := map[string]int64{}
	for _, row := range g.query(t, "select name, rootpage from sqlite_master where rootpage > 0") {
		roots[row[0].(string)] = (row[1].(int64) - 1) * pageSize
	}
	return roots
}

// flipped is a copy of a file in which so many bytes are others than they were.
func flipped(whole []byte, at, n int64) []byte {
	bad := bytes.Clone(whole)
	for i := at; i < at+n; i++ {
		bad[i] ^= 0xA5
	}
	return bad
}

// TestSQLite_DamagedAtStart: a file that cannot be read is refused by name, and left byte for byte as it is; once the whole
// one is back nobody has been signed out.
func TestSQLite_DamagedAtStart(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, b := g.newUser(t), g.newBrowser(t)
	roots := g.roots(t)
	g.stopped(t)
	whole := fileOf(t, g.sqlitePath())
	for range soak.N(1, 3) {
		for what, bad := range map[string][]byte{
			"header":           flipped(whole, 0, 100),
			"page of schema":   flipped(whole, 100, 200),
			"text of schema":   flipped(whole, pageSize-500, 500),
			"half a file":      whole[:len(whole)/2],
			"one page":         whole[:pageSize],
			"page of versions": flipped(whole, roots["goose_db_version"], pageSize),
			"page of keys":     flipped(whole, roots["signing_keys"], pageSize),
			"page of ended":    flipped(whole, roots["revocations"], pageSize),
			"page of accounts": flipped(whole, roots["users"], pageSize),
		} {
			if err := os.WriteFile(g.sqlitePath(), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			g.startRefused(t, what, g.sqlitePath(), "is damaged", "restore a backup")
			if !bytes.Equal(fileOf(t, g.sqlitePath()), bad) {
				t.Errorf("%s: the damaged file is not as it was", what)
			}
		}
	}
	if err := os.WriteFile(g.sqlitePath(), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	g.restart(t)
	g.signedIn(t, u)
	g.signedIn(t, b)
}

// TestSQLite_NoFile: what stands in the file's place and is none is refused by name, and left there.
func TestSQLite_NoFile(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	g.stopped(t)
	path, aside := g.sqlitePath(), g.sqlitePath()+".aside"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(path, aside))
	for what, put := range map[string]func() error{
		"a folder":          func() error { return os.Mkdir(path, 0o700) },
		"a link to itself":  func() error { return os.Symlink(path, path) },
		"a link to nowhere": func() error { return os.Symlink(filepath.Join(g.Dir, "gone", "gatehouse.db"), path) },
		"a pipe":            func() error { return syscall.Mkfifo(path, 0o600) },
	} {
		must(put())
		before, err := os.Lstat(path)
		must(err)
		g.startRefused(t, what, path)
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() {
			t.Errorf("%s: is replaced: %v %v", what, after, err)
		}
		must(os.Remove(path))
	}
	must(os.Rename(aside, path))
	g.restart(t)
	g.signedIn(t, u)
}

// overwrite changes bytes of the file beneath the gateway that has it open.
func (g *gateway) overwrite(t testing.TB, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(g.sqlitePath(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(with, at); err != nil {
		t.Fatal(err)
	}
}

// TestSQLite_DamagedWhileRunning: pages of the file go bad under the running gateway. The guard decides from memory, all else
// says 503, the log names the file in one line; once the pages are back everything works, and nothing is half done.
func TestSQLite_DamagedWhileRunning(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, b, out := g.newUser(t), g.newBrowser(t), g.newUser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	roots, users := g.roots(t), g.count(t, "select count(*) from users")
	for round := range soak.N(1, 3) {
		g.exec(t, "pragma wal_checkpoint(truncate)") // else the pages are read from the file beside it
		whole := fileOf(t, g.sqlitePath())
		for _, table := range []string{"users", "sessions", "registrations"} {
			g.overwrite(t, roots[table], flipped(whole, roots[table], pageSize)[roots[table]:roots[table]+pageSize])
		}
		g.exec(t, "insert into settings (name, value) values ('a change', '') on conflict (name) do update set value = value || '.'") // so that pages are read anew
		open(t, g, u, b, out)
		closed(t, g, u, b)
		g.api(t, "POST", "/register", object{"email": freshEmail(), "password": password}).want(t, 503, "unavailable")
		open(t, g, u, b, out)
		for _, table := range []string{"users", "sessions", "registrations"} {
			g.overwrite(t, roots[table], whole[roots[table]:roots[table]+pageSize])
		}
		g.exec(t, "insert into settings (name, value) values ('a change', '') on conflict (name) do update set value = value || '.'")
		resumes(t, g, u, b)
		u = g.signIn(t, u, false)
		if n := g.count(t, "select count(*) from users") - users; n != 0 {
			t.Errorf("%d accounts came of a damaged file", n)
		}
		if n := g.count(t, "select count(*) from registrations"); n != 0 {
			t.Errorf("%d halves of a registration", n)
		}
		if ok := g.query(t, "pragma integrity_check"); len(ok) != 1 || ok[0][0] != "ok" {
			t.Errorf("round %d: SQLite finds %v", round, ok)
		}
		if n := strings.Count(g.logs(), `"state":"damaged","file":"`+g.sqlitePath()+`"`); n != 1 {
			t.Errorf("round %d: %d lines tell of the damaged file:\n%s", round, n, g.Log.Tail(20))
		}
	}
}
