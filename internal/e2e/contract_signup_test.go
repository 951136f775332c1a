package e2e

import (
	"maps"
	"slices"
	"testing"
)

type object = map[string]any

// register signs an address up and returns the answer, which must be the usual one.
func (g *gateway) register(t testing.TB, body object) answer {
	t.Helper()
	return g.api(t, "POST", "/register", body).must(t, 202, "")
}

func TestContract_Register(t *testing.T) {
	t.Parallel()
	g, email := shared(t), freshEmail()
	a := g.register(t, object{"email": email, "password": password, "first_name": "Ada", "last_name": "Lovelace",
		"phone": "+43 1 2345678"})
	body := a.json(t)
	shape{"status": "text", "channel": "text", "expires_in": "number", "registration": "text"}.check(t, "the answer", body)
	if body["status"] != "verification_sent" || body["channel"] != "email" || body["expires_in"] != 600.0 {
		t.Errorf("status %v, expires_in %v", body["status"], body["expires_in"])
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" || len(a.setCookies(t)) > 0 {
		t.Errorf("headers %v", a.header)
	}
	letter := g.waitMail(t, email, 1)
	if letter.code == "" || letter.html == "" || letter.link != g.url("/auth/verify?token="+letter.token) {
		t.Errorf("code %q, link %q", letter.code, letter.link)
	}
	account := g.api(t, "POST", "/verify", object{"token": letter.token, "registration": a.text("registration")}).pair(t, false)
	want := object{"email": email, "email_verified": true, "username": nil, "phone": "+4312345678", "first_name": "Ada",
		"last_name": "Lovelace", "avatar_url": ""}
	for name, value := range want {
		if account[name] != value {
			t.Errorf("%s is %v, expected %v", name, account[name], value)
		}
	}
}

// TestContract_RegisterByCookie: the proof of having registered stays in the browser that did.
func TestContract_RegisterByCookie(t *testing.T) {
	t.Parallel()
	g, email := shared(t), freshEmail()
	a := g.register(t, object{"email": email, "password": password, "cookies": true})
	shape{"status": "text", "channel": "text", "expires_in": "number"}.check(t, "the answer", a.json(t))
	proof := a.setCookies(t)["gatehouse_registration"]
	if proof == nil || proof.MaxAge != 24*3600 {
		t.Fatalf("cookies %v", a.setCookies(t))
	}
	code := g.waitMail(t, email, 1).code
	b := g.api(t, "POST", "/verify", object{"email": email, "otp": code, "cookies": true},
		call{cookies: map[string]string{proof.Name: proof.Value}})
	b.pair(t, true)
	if gone := b.setCookies(t)[proof.Name]; gone == nil || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("the used registration cookie is not cleared: %v", gone)
	}
}

func TestContract_RegisterRefusals(t *testing.T) {
	t.Parallel()
	g := shared(t)
	taken := g.newUser(t)
	good := object{"email": freshEmail(), "password": password}
	for name, c := range map[string]struct {
		change object
		fields []string
	}{
		"nothing":        {object{"email": "", "password": ""}, []string{"email", "password"}},
		"address":        {object{"email": "nobody"}, []string{"email"}},
		"short password": {object{"password": "k4f8 w2"}, []string{"password"}},
		"common":         {object{"password": "password1234"}, []string{"password"}},
		"long password":  {object{"password": string(slices.Repeat([]byte("x7 "), 100))}, []string{"password"}},
		"short name":     {object{"username": "ab"}, []string{"username"}},
		"odd name":       {object{"username": "a b@c"}, []string{"username"}},
		"reserved name":  {object{"username": "Admin"}, []string{"username"}},
		"taken name":     {object{"username": taken.username}, []string{"username"}},
		"phone":          {object{"phone": "0664 1234567"}, []string{"phone"}},
		"long name":      {object{"first_name": string(slices.Repeat([]byte("n"), 101))}, []string{"first_name"}},
		"all at once": {object{"email": "x", "password": "x", "username": "x", "phone": "x", "last_name": "a\u202eb"},
			[]string{"email", "password", "username", "phone", "last_name"}},
	} {
		body := maps.Clone(good)
		maps.Copy(body, c.change)
		t.Run(name, func(t *testing.T) { g.api(t, "POST", "/register", body).invalid(t, c.fields...) })
	}
	if got := g.mails(t, good["email"].(string)); len(got) > 0 {
		t.Errorf("%d mails went out for refused registrations", len(got))
	}
}

// TestContract_VerifyProofs: code or link, and each way to show that the prover is who registered.
func TestContract_VerifyProofs(t *testing.T) {
	t.Parallel()
	g := shared(t)
	const other = "velvet harbour comet 9"
	for name, c := range map[string]struct {
		proof    func(registration string) object
		password string
		amr      []any
	}{
		"registration": {func(r string) object { return object{"registration": r} }, password, []any{"email"}},
		"password":     {func(string) object { return object{"password": password} }, password, []any{"pwd", "email"}},
		"new password": {func(string) object { return object{"new_password": other} }, other, []any{"email"}},
	} {
		for _, link := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				email := freshEmail()
				body := c.proof(g.register(t, object{"email": email, "password": password}).text("registration"))
				letter := g.waitMail(t, email, 1)
				body["email"], body["otp"] = " "+email, letter.code[:3]+" "+letter.code[3:] // as people copy it
				if link {
					delete(body, "email")
					delete(body, "otp")
					body["token"] = letter.token
				}
				a := g.api(t, "POST", "/verify", body)
				a.pair(t, false)
				if got := claims(t, a.text("access_token"))["amr"]; !slices.Equal(got.([]any), c.amr) {
					t.Errorf("amr %v", got)
				}
				g.api(t, "POST", "/verify", body).problem(t, 400, "invalid_code") // once
				g.api(t, "POST", "/login", object{"login": email, "password": c.password}).pair(t, false)
			})
		}
	}
}

func TestContract_VerifyRefusals(t *testing.T) {
	t.Parallel()
	g, email := shared(t), freshEmail()
	proof := g.register(t, object{"email": email, "password": password}).text("registration")
	letter := g.waitMail(t, email, 1)
	wrong := "000000"
	if letter.code == wrong {
		wrong = "000001"
	}
	g.api(t, "POST", "/verify", object{}).problem(t, 400, "invalid_request")
	g.api(t, "POST", "/verify", object{"token": letter.token, "email": email, "otp": letter.code}).problem(t, 400, "invalid_request")
	g.api(t, "POST", "/verify", object{"email": email}).invalid(t, "otp")
	g.api(t, "POST", "/verify", object{"otp": letter.code}).invalid(t, "email")
	g.api(t, "POST", "/verify", object{"token": letter.token, "new_password": "short"}).invalid(t, "new_password")
	g.api(t, "POST", "/verify", object{"email": email, "otp": wrong, "registration": proof}).problem(t, 400, "invalid_code")
	g.api(t, "POST", "/verify", object{"token": letter.token + "x", "registration": proof}).problem(t, 400, "invalid_code")
	for _, bad := range []object{{}, {"registration": proof + "x"}, {"registration": "x"}, {"password": password + "x"}} {
		byToken, byCode := maps.Clone(bad), maps.Clone(bad)
		byToken["token"] = letter.token
		byCode["email"], byCode["otp"] = email, letter.code
		g.api(t, "POST", "/verify", byToken).problem(t, 403, "registration_proof_required")
		g.api(t, "POST", "/verify", byCode).problem(t, 403, "registration_proof_required")
	}
	// Nothing of all that has spent the code.
	g.api(t, "POST", "/verify", object{"email": email, "otp": letter.code, "registration": proof}).pair(t, false)
}

// TestContract_Resend answers alike for every address and sends only where a proof is awaited.
func TestContract_Resend(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	waiting, unknown, done := freshEmail(), freshEmail(), g.newUser(t)
	proof := g.register(t, object{"email": waiting, "password": password}).text("registration")
	first := g.waitMail(t, waiting, 1)
	g.advance(t, 61e9)
	var texts []string
	for _, email := range []string{waiting, unknown, done.email} {
		a := g.api(t, "POST", "/verify/resend", object{"email": email}).must(t, 202, "")
		shape{"status": "text"}.check(t, "the answer", a.json(t))
		texts = append(texts, string(a.body))
	}
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("answers differ: %q", texts)
	}
	second := g.waitMail(t, waiting, 2)
	if len(g.mails(t, unknown)) > 0 || len(g.mails(t, done.email)) != 1 {
		t.Error("a mail went where no proof is awaited")
	}
	g.api(t, "POST", "/verify/resend", object{"email": "x"}).invalid(t, "email")
	g.api(t, "POST", "/verify/resend", object{}).invalid(t, "email")
	// Too soon: the same answer, no mail, and the live code stays.
	g.api(t, "POST", "/verify/resend", object{"email": waiting}).must(t, 202, "")
	g.api(t, "POST", "/verify", object{"token": first.token, "registration": proof}).problem(t, 400, "invalid_code")
	g.api(t, "POST", "/verify", object{"token": second.token, "registration": proof}).pair(t, false)
	if n := len(g.mails(t, waiting)); n != 2 {
		t.Errorf("%d mails to the address", n)
	}
}
