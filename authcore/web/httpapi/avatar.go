package httpapi

import (
	"cmp"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// avatarCalls set and show the pictures of accounts.
type avatarCalls struct{ avatars *avatar.Avatars }

func (c *avatarCalls) routes() []route {
	changed := []reply{{http.StatusOK, "The account as it is now.", user{}}}
	return []route{{
		method: http.MethodPut, path: "/me/avatar", tag: tagAccount, summary: "Set your picture",
		text: "The body is the file: PNG, JPEG, WebP or GIF, at most 8 MiB and 16 million pixels. The middle of it becomes a square; metadata is dropped, " +
			"and of an animation the first frame is taken. The picture gets a new address, and the one before is gone.",
		limit: authcore.LimitAvatar, does: uploaded(c.put), replies: changed, refuses: []authcore.Code{authcore.InvalidFields},
	}, {
		method: http.MethodDelete, path: "/me/avatar", tag: tagAccount, summary: "Remove your picture",
		text: "Leaves the account without a picture.",
		does: authenticated(c.delete), replies: changed,
	}, {
		method: http.MethodGet, path: "/avatars/{id}", tag: tagAccount, summary: "Show a picture",
		text: "Returns the picture of an account as a square. `avatar_url` of a user leads here; the address cannot be guessed and is new with each picture, so " +
			"the answer can be cached for as long as you like.",
		does: anonymous(c.get),
		params: []param{
			{in: "path", name: "id", text: "The name in `avatar_url`.", kind: reflect.TypeFor[string]()},
			{in: "query", name: "s", text: "Width and height: 64, 128, 256 or 512. 256 if it is left out.", kind: reflect.TypeFor[string]()},
		},
		replies: []reply{
			{http.StatusOK, "The picture.", picture{}},
			{http.StatusNotModified, "The picture that you have, as `If-None-Match` says.", nil},
		},
		refuses: []authcore.Code{authcore.NotFound},
	}}
}

// files is a body that is no JSON.
type files interface {
	// types are the media types that it may have.
	types() []string
}

// upload is a picture as somebody sends it.
type upload struct{}

func (upload) types() []string { return []string{"image/png", "image/jpeg", "image/webp", "image/gif"} }

// picture is one as it is shown.
type picture struct{}

func (picture) types() []string { return []string{"image/png", "image/jpeg"} }

// uploaded is a call of somebody who is signed in, whose body is a picture that do reads.
func uploaded(do func(*call) error) action {
	return action{caller: signedIn, body: reflect.TypeFor[upload](), read: func(x *call, _ bool) (any, error) {
		return nil, checkUpload(x.w, x.r)
	}, do: func(x *call, _ any) error { return do(x) }}
}

// checkUpload refuses what cannot be a picture before it is read. What it really is decides its content.
func checkUpload(w http.ResponseWriter, r *http.Request) error {
	media, _, err := mime.ParseMediaType(strings.Join(r.Header["Content-Type"], ","))
	enc := r.Header["Content-Encoding"]
	if err != nil || len(r.Header["Content-Type"]) != 1 || !slices.Contains(upload{}.types(), media) ||
		len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return authcore.Refuse(authcore.UnsupportedMediaType, "Send a picture as image/png, image/jpeg, image/webp or image/gif.")
	}
	if r.ContentLength > avatar.MaxBytes {
		w.Header().Set("Connection", "close")
		return authcore.Refuse(authcore.RequestTooLarge, "The picture is larger than 8 MiB.")
	}
	return nil
}

func (c *avatarCalls) put(x *call) error {
	account, err := c.avatars.Set(x.r.Context(), x.who.AccountID, x.r.Body, x.in.Client)
	if err != nil {
		if authcore.CodeOf(err) == authcore.RequestTooLarge {
			x.w.Header().Set("Connection", "close")
		}
		return err
	}
	return x.answer(http.StatusOK, x.userOf(account))
}

func (c *avatarCalls) delete(x *call) error {
	account, err := c.avatars.Remove(x.r.Context(), x.who.AccountID, x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, x.userOf(account))
}

// get shows a picture. It is one that somebody uploaded, so a browser that is led to it by itself may do nothing but show it.
func (c *avatarCalls) get(x *call) error {
	size, err := strconv.Atoi(cmp.Or(x.r.URL.Query().Get("s"), "256"))
	if err != nil {
		size = 0 // there is none of that
	}
	p, err := c.avatars.Get(x.r.Context(), x.r.PathValue("id"), size)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // services on other hosts show it
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+p.Name+"-"+strconv.Itoa(p.Size)+`"`)
	if matches(x.r.Header.Get("If-None-Match"), h.Get("ETag")) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	httpauth.WriteBody(x.w, x.r, http.StatusOK, p.MediaType, p.Image)
	return nil
}

// matches reports whether a list of tags has this one (RFC 9110 §13.1.2: weakly compared).
func matches(list, tag string) bool {
	for given := range strings.SplitSeq(list, ",") {
		if given = strings.TrimPrefix(strings.TrimSpace(given), "W/"); given == tag || given == "*" {
			return true
		}
	}
	return false
}

// AvatarURL returns where the picture of an account is, "" for none. portal is the base of the pages.
func AvatarURL(portal, kept string) string {
	if kept == "" {
		return ""
	}
	return portal + "/avatars/" + kept
}
