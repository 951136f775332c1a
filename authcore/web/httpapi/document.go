package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

const documentPath = "/openapi.json"

// document is the OpenAPI document of one mount. It changes with the binary and the prefix alone.
type document struct {
	text []byte
	tag  string // its entity tag
}

// Document returns the OpenAPI 3.1 document of the API under prefix ("/auth"; no final slash), as JSON. It is the same for
// every configuration, but for the names of the cookies, which are here as by default.
func Document(prefix string) ([]byte, error) {
	all, err := mountAll(Config{})
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	d, err := newDocument(all, httpauth.DefaultCookiePrefix, prefix)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	return d.text, nil
}

func newDocument(all routes, cookiePrefix, prefix string) (document, error) {
	spec, err := describe(all, cookiePrefix)
	if err != nil {
		return document{}, err
	}
	// A path and no origin: the document is right under every name the portal is reached by.
	spec.Servers = []*huma.Server{{URL: prefix}}
	text, err := json.Marshal(spec)
	if err != nil {
		return document{}, fmt.Errorf("write the document: %w", err)
	}
	sum := sha256.Sum256(text)
	return document{text, `"` + hex.EncodeToString(sum[:12]) + `"`}, nil
}

// serve answers with the document, or that the one the client has is still good (RFC 9110 §13.1.2).
func (d document) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("ETag", d.tag)
	for _, line := range r.Header["If-None-Match"] {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == d.tag || tag == "*" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
	}
	httpauth.WriteBody(w, r, http.StatusOK, "application/json", d.text)
}
