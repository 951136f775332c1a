package portal_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// part is one field of a form with a file; a file has a name.
type part struct{ field, file, content string }

// upload sends a form with a file.
func (b *browser) upload(path string, parts []part, changes ...change) *answer {
	b.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, p := range parts {
		create := func() (io.Writer, error) { return form.CreateFormFile(p.field, p.file) }
		if p.file == "" {
			create = func() (io.Writer, error) { return form.CreateFormField(p.field) }
		}
		w, err := create()
		if err == nil {
			_, err = io.WriteString(w, p.content)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	_ = form.Close()
	r := httptest.NewRequest(http.MethodPost, "/auth"+path, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Origin", b.origin())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r, changes)
}

func face(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var pictureAt = regexp.MustCompile(`src="/auth(/avatars/[^"]+)"`)

func TestAvatarPage(t *testing.T) {
	b := open(t).browser().person()
	b.get("/account").want(http.StatusOK).says("Picture", "No picture yet").silent("/avatars/")
	b.get("/account/avatar").want(http.StatusOK).says("PNG, JPEG, WebP or GIF").silent("Remove picture")
	b.upload("/account/avatar", []part{{"avatar", "me.png", face(t)}}).leads("/auth/account/avatar?done=avatar")
	shown := b.get("/account/avatar?done=avatar").want(http.StatusOK).says("Your picture has been saved.", "Remove picture")
	at := pictureAt.FindStringSubmatch(shown.body)
	if at == nil {
		t.Fatalf("no picture in\n%s", shown.body)
	}
	b.get("/account").want(http.StatusOK).says("Shown beside your name", at[1])
	if got := b.get(at[1], header("Accept", "image/*")).want(http.StatusOK).header.Get("Content-Type"); got != "image/jpeg" {
		t.Errorf("the picture is %s", got)
	}
	b.post("/account/avatar/remove", nil).leads("/auth/account/avatar?done=avatar_removed")
	b.get("/account/avatar?done=avatar_removed").want(http.StatusOK).says("Your picture has been removed.").silent("/avatars/")
	b.get("/account/avatar/remove").leads("/auth/account/avatar")
}

func TestAvatarPage_Refusals(t *testing.T) {
	b := open(t).browser().person()
	b.upload("/account/avatar", []part{{"avatar", "", ""}}).want(http.StatusUnprocessableEntity) // none was chosen
	b.upload("/account/avatar", []part{{"avatar", "a.png", "<svg onload=alert(1)>"}}).want(http.StatusUnprocessableEntity).says("PNG, JPEG, GIF or WebP")
	b.upload("/account/avatar", []part{{"avatar", "a.png", strings.Repeat("x", 9<<20)}}).want(http.StatusRequestEntityTooLarge)
	b.upload("/account/avatar", []part{{"avatar", "a.png", face(t)}, {"avatar", "b.png", face(t)}}).want(http.StatusBadRequest)
	b.upload("/account/avatar", []part{{"avatar", "a.png", face(t)}, {"other", "b.png", face(t)}}).want(http.StatusBadRequest)
	many := make([]part, 17)
	for i := range many {
		many[i] = part{field: strings.Repeat("x", i+1), content: "y"}
	}
	b.upload("/account/avatar", many).want(http.StatusBadRequest)
	b.post("/account/avatar", []string{"avatar", "x"}).want(http.StatusUnsupportedMediaType)
	// A page of somebody else's sends the form with the cookies of who is signed in (B04).
	foreign := b.upload("/account/avatar", []part{{"avatar", "a.png", face(t)}}, header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site"))
	if foreign.want(http.StatusForbidden); pictureAt.MatchString(b.get("/account/avatar").body) {
		t.Error("a foreign form has set a picture")
	}
	// Nothing of a file is read of who is not signed in.
	read := &counting{strings.NewReader(strings.Repeat("x", 1<<20)), 0}
	r := httptest.NewRequest(http.MethodPost, "/auth/account/avatar", read)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	r.Header.Set("Origin", b.origin())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	b.house.browser().send(r, nil).leads("/auth/login?done=not_saved")
	if read.n != 0 {
		t.Errorf("%d bytes were read", read.n)
	}
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}
