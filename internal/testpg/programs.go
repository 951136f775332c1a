package testpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// oldestMajor is the first release with a locale provider per database, which initdb is asked for.
const oldestMajor = 15

var errNoPostgres = errors.New("no Postgres server programs in PATH or /usr/lib/postgresql/*/bin: " +
	"install the package postgresql (apt-get install postgresql), or run make test as root")

// programs are the two executables a server needs, of the same release.
type programs struct {
	initdb   string
	postgres string
}

// findPrograms prefers PATH, so that a developer chooses the release, and else takes the newest one
// under Debian's folder, which is never in PATH.
func findPrograms() (programs, error) {
	var folders []string
	if p, err := exec.LookPath("postgres"); err == nil {
		// The link is followed because initdb is often left out where postgres alone was linked.
		if real, err := filepath.EvalSymlinks(p); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return programs{}, err
	}
	sort.Slice(debian, func(i, j int) bool { return majorOf(debian[i]) > majorOf(debian[j]) })

	for _, folder := range append(folders, debian...) {
		p := programs{initdb: filepath.Join(folder, "initdb"), postgres: filepath.Join(folder, "postgres")}
		if executable(p.initdb) && executable(p.postgres) {
			return p, p.checkRelease()
		}
	}
	return programs{}, errNoPostgres
}

func majorOf(binFolder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(binFolder)))
	if err != nil {
		return 0
	}
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func (p programs) checkRelease() error {
	out, err := exec.Command(p.postgres, "--version").Output()
	if err != nil {
		return fmt.Errorf("asking %s for its version: %w", p.postgres, err)
	}
	// "postgres (PostgreSQL) 15.20 (Debian …)", or "18beta1" before a release.
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return fmt.Errorf("asking %s for its version: unknown answer %q", p.postgres, out)
	}
	digits := fields[2]
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	if major, err := strconv.Atoi(digits); err != nil || major < oldestMajor {
		return fmt.Errorf("postgres %s at %s is too old: %d or newer is needed", fields[2], p.postgres, oldestMajor)
	}
	return nil
}

// account is who runs the server: Postgres refuses to run as root, so root lends it the account
// that the system's package made.
type account struct {
	credential *syscall.Credential // nil: whoever runs the test
	uid, gid   int
}

func serverAccount() (account, error) {
	if os.Getuid() != 0 {
		return account{uid: os.Getuid(), gid: os.Getgid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("reading the user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("reading the group id of %s: %w", name, err)
		}
		return account{
			credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
			uid:        int(uid),
			gid:        int(gid),
		}, nil
	}
	return account{}, errors.New("running as root without an account postgres or nobody: Postgres refuses to run as root")
}

// makeFolder makes an empty folder that belongs to the account, below the temporary folder, or
// below /tmp where the account cannot reach the former (root's own TMPDIR, say).
func (a account) makeFolder() (string, error) {
	base := os.TempDir()
	if a.credential != nil && !reachable(base) {
		base = "/tmp"
	}
	folder, err := os.MkdirTemp(base, "testpg-")
	if err != nil {
		return "", err
	}
	if err := os.Chown(folder, a.uid, a.gid); err != nil {
		return "", errors.Join(err, os.Remove(folder))
	}
	return folder, nil
}

func reachable(folder string) bool {
	for {
		info, err := os.Stat(folder)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return true
		}
		folder = parent
	}
}
