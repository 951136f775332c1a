package apidocs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// file is what the page loads.
type file struct {
	kind   string
	body   []byte
	packed bool // body is compressed with gzip
}

// add serves a file under a name that changes with its content, so that browsers may keep it for ever.
func (p *Page) add(name, ending, kind string) (string, error) {
	body, err := files.ReadFile(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	at := "/static/" + hex.EncodeToString(sum[:8]) + ending
	p.files[at] = file{kind, body, strings.HasSuffix(name, ".gz")}
	return at, nil
}

func (f file) serve(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := io.Reader(bytes.NewReader(f.body))
	if f.packed {
		h.Set("Vary", "Accept-Encoding")
	}
	switch {
	case f.packed && acceptsGzip(r):
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(f.body)))
	case f.packed:
		plain, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("unpack a file of the page of the API: %w", err)
		}
		body = plain
	default:
		h.Set("Content-Length", strconv.Itoa(len(f.body)))
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, body) // a client that has hung up cannot be told
	}
	return nil
}

// acceptsGzip reports whether a client takes gzip: it names it, or everything, with a weight that is not zero (RFC 9110
// §12.5.3). What is named goes before what is not.
func acceptsGzip(r *http.Request) bool {
	rest := false
	for _, line := range r.Header["Accept-Encoding"] {
		for part := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(part, ";")
			q := strings.ReplaceAll(strings.ToLower(params), " ", "")
			wanted := !strings.HasPrefix(q, "q=0") || strings.ContainsAny(q, "123456789")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return wanted
			case "*":
				rest = wanted
			}
		}
	}
	return rest
}
