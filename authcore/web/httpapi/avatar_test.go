package httpapi_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// face is a PNG.
func face(t *testing.T) string {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 90, 60))
	for i := range m.Pix {
		m.Pix[i] = byte(i)
	}
	var b bytes.Buffer
	check(t, png.Encode(&b, m))
	return b.String()
}

func kind(media string) change { return header("Content-Type", media) }

// pictureOf returns the address of the picture below the prefix.
func pictureOf(a answer) string {
	a.Helper()
	url, _ := a.fields()["avatar_url"].(string)
	path, found := strings.CutPrefix(url, issuer+"/auth")
	if !found || !strings.HasPrefix(path, "/avatars/") || len(path) < 30 {
		a.Fatalf("avatar_url is %q", url)
	}
	return path
}

func TestAvatar_UploadShowRemove(t *testing.T) {
	h := open(t)
	h.account(email, username)
	ada := h.signIn(email)
	if url := h.call("GET", "/me", "", bearer(ada.AccessToken)).want(200).fields()["avatar_url"]; url != "" {
		t.Errorf("before any upload avatar_url is %q", url)
	}
	first := pictureOf(h.call("PUT", "/me/avatar", face(t), bearer(ada.AccessToken), kind("image/png")).want(200))
	for size, want := range map[string]int{"": 256, "?s=64": 64, "?s=128": 128, "?s=256": 256, "?s=512": 512} {
		a := h.call("GET", first+size, "").want(200)
		m, format, err := image.Decode(bytes.NewReader(a.body))
		if err != nil || m.Bounds() != image.Rect(0, 0, want, want) || a.header.Get("Content-Type") != "image/"+format {
			t.Errorf("%s: %v, %v as %s", size, m.Bounds(), err, a.header.Get("Content-Type"))
		}
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff",
			"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "cross-origin"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if tag := a.header.Get("ETag"); len(tag) < 30 {
			t.Errorf("ETag is %s", tag)
		} else {
			h.call("GET", first+size, "", header("If-None-Match", `"other", W/`+tag)).want(304)
			h.call("GET", first+size, "", header("If-None-Match", `"other"`)).want(200)
		}
	}
	if a := h.call("HEAD", first, "").want(200); len(a.body) != 0 || a.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD answers %d bytes", len(a.body))
	}
	for _, path := range []string{first + "?s=65", first + "?s=x", first + "?s=100000000", first + "x", "/avatars/none"} {
		h.call("GET", path, "").refused(404, authcore.NotFound)
	}
	second := pictureOf(h.call("PUT", "/me/avatar", face(t), bearer(ada.AccessToken), kind("image/gif")).want(200)) // its content decides
	if second == first {
		t.Error("a new picture has the old name")
	}
	h.call("GET", first, "").refused(404, authcore.NotFound)
	h.call("DELETE", "/me/avatar", "", bearer(ada.AccessToken)).want(200)
	h.call("GET", second, "").refused(404, authcore.NotFound)
	if url := h.call("GET", "/me", "", bearer(ada.AccessToken)).want(200).fields()["avatar_url"]; url != "" {
		t.Errorf("after its removal avatar_url is %q", url)
	}
}

func TestAvatar_Refusals(t *testing.T) {
	h := open(t)
	h.account(email, username)
	ada := bearer(h.signIn(email).AccessToken)
	h.call("PUT", "/me/avatar", face(t), kind("image/png")).refused(401, authcore.AuthenticationRequired)
	for _, media := range []string{"image/svg+xml", "application/json", "multipart/form-data; boundary=x", "image/png, image/gif", ""} {
		h.call("PUT", "/me/avatar", face(t), ada, kind(media)).refused(415, authcore.UnsupportedMediaType)
	}
	h.call("PUT", "/me/avatar", face(t), ada, kind("image/png"), header("Content-Encoding", "gzip")).refused(415, authcore.UnsupportedMediaType)
	h.call("PUT", "/me/avatar", "<svg/>", ada, kind("image/png")).refused(422, authcore.InvalidFields)
	large := strings.Repeat("x", 8<<20+1)
	if a := h.call("PUT", "/me/avatar", large, ada, kind("image/png")).refused(413, authcore.RequestTooLarge); a.header.Get("Connection") != "close" {
		t.Error("the connection stays open for the rest of what is too large")
	}
	h.call("PUT", "/me/avatar", large, ada, kind("image/png"), func(r *http.Request) { r.ContentLength = -1 }).refused(413, authcore.RequestTooLarge)
	h.call("PUT", "/me/avatar", face(t), ada, kind("image/png")).want(200) // the tenth: each was counted before it was read
	if a := h.call("PUT", "/me/avatar", face(t), ada, kind("image/png")).refused(429, authcore.RateLimited); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
