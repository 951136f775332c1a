package caddymodule

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// listening returns the TCP sockets of this network namespace that listen: /proc lists them first. Where it cannot be read, none.
func listening() (sockets []socket) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		lines.Scan() // the head
		for lines.Scan() {
			s, listens := parseSocket(lines.Text())
			if !listens {
				break
			}
			sockets = append(sockets, s)
		}
		_ = f.Close()
	}
	return sockets
}

// parseSocket reads a line of such a table.
func parseSocket(line string) (s socket, listens bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != "0A" {
		return s, false
	}
	host, port, _ := strings.Cut(fields[1], ":")
	raw, err := hex.DecodeString(host)
	number, portErr := strconv.ParseUint(port, 16, 16)
	uid, uidErr := strconv.Atoi(fields[7])
	for i := 0; i+4 <= len(raw); i += 4 { // words in the machine's order
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if errors.Join(err, portErr, uidErr) != nil || !ok {
		return s, false
	}
	return socket{at: netip.AddrPortFrom(addr.Unmap(), uint16(number)), uid: uid, inode: fields[9]}, true
}

// ownSockets returns the inodes of the sockets that this process holds, those it was given by whoever started it too.
func ownSockets() map[string]bool {
	own := make(map[string]bool)
	const dir = "/proc/self/fd"
	open, err := fs.ReadDir(os.DirFS(dir), ".")
	if err != nil {
		return own
	}
	for _, fd := range open {
		what, err := os.Readlink(dir + "/" + fd.Name())
		if inode, isSocket := strings.CutPrefix(what, "socket:["); err == nil && isSocket {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return own
}
