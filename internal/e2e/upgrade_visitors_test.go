//go:build upgrade

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ask makes a call through the balancer that has to be answered with this status.
func (f *fleet) ask(c call, status int) (answer, error) {
	a, err := f.try(c)
	if err == nil && a.status != status {
		err = fmt.Errorf("%s %s: %d %s from %s, expected %d: %.200s", c.method, c.path, a.status, a.code(), a.header.Get("X-Served-By"), status, a.body)
	}
	return a, err
}

func post(path string, body any) call { return call{method: "POST", path: "/auth" + path, body: body} }

// populate makes people and what they do.
func (f *fleet) populate() []*visitor {
	f.t.Helper()
	reader, uploader, refresher, surfer, changer := f.newUser(f.t), f.newUser(f.t), f.newUser(f.t), f.newBrowser(f.t), f.newUser(f.t)
	tab := f.browser(surfer)
	return []*visitor{
		{name: "a program", account: reader.id, rest: 20 * time.Millisecond, step: f.program(reader, call{path: "/x"})},
		{name: "an upload", account: uploader.id, rest: 50 * time.Millisecond, step: f.program(uploader, call{method: "POST", path: "/x", body: strings.Repeat("b", 20_000)})},
		{name: "a refresh", account: refresher.id, rest: 200 * time.Millisecond, step: f.refreshing(refresher)},
		{name: "a tab", account: surfer.id, rest: 20 * time.Millisecond, step: tab(call{path: "/x", header: page})},
		{name: "another tab", account: surfer.id, rest: 23 * time.Millisecond, step: tab(call{path: "/y", header: page})},
		{name: "a form", account: surfer.id, rest: 30 * time.Millisecond, step: tab(call{method: "POST", path: "/x", body: "a=b",
			header: map[string]string{"Sec-Fetch-Site": "same-origin"}})},
		{name: "in and out", rest: 1000 * time.Millisecond, step: f.inAndOut(reader, false)},
		{name: "in and out of a browser", rest: 1300 * time.Millisecond, step: f.inAndOut(reader, true)},
		{name: "a change of password", rest: 2 * time.Second, step: f.changing(changer)},
		{name: "a forgotten password", rest: 3 * time.Second, step: f.forgetting},
		{name: "a sign-up", rest: 2 * time.Second, step: f.signingUp},
	}
}

// program asks with a bearer token, and refreshes when that has expired.
func (f *fleet) program(u *user, c call) func() error {
	refresh := f.refreshing(u)
	return func() error {
		c.bearer = u.access
		a, err := f.try(c)
		if err == nil && a.status == http.StatusUnauthorized && a.code() == "invalid_token" {
			if err := refresh(); err != nil {
				return err
			}
			c.bearer = u.access
			a, err = f.ask(c, http.StatusOK)
		}
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%d %s from %s", a.status, a.code(), a.header.Get("X-Served-By"))
		}
		return err
	}
}

func (f *fleet) refreshing(u *user) func() error {
	return func() error {
		a, err := f.ask(post("/refresh", object{"refresh_token": u.refresh}), http.StatusOK)
		if err == nil {
			u.access, u.refresh = a.text("access_token"), a.text("refresh_token")
		}
		return err
	}
}

// browser is tabs of one browser, which has one jar of cookies for all of them.
func (f *fleet) browser(u *user) func(call) func() error {
	var mu sync.Mutex
	return func(c call) func() error {
		return func() error {
			mu.Lock()
			c.cookies = maps.Clone(u.cookies)
			mu.Unlock()
			a, err := f.ask(c, http.StatusOK)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			u.takeCookies(f.t, a)
			return nil
		}
	}
}

// inAndOut signs in and out again, and demands that every node knows within a second.
func (f *fleet) inAndOut(u *user, cookies bool) func() error {
	return func() error {
		a, err := f.ask(post("/login", object{"login": u.email, "password": u.password, "cookies": cookies}), http.StatusOK)
		if err != nil {
			return err
		}
		s := &user{access: a.text("access_token")}
		s.takeCookies(f.t, a)
		who := call{bearer: s.access, cookies: s.cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}
		guarded, out := who, who
		guarded.path = "/x"
		out.method, out.path = "POST", "/auth/logout"
		if _, err := f.ask(guarded, http.StatusOK); err != nil {
			return err
		}
		if _, err := f.ask(out, http.StatusNoContent); err != nil {
			return err
		}
		return f.refusedSoon(guarded)
	}
}

// refusedSoon demands that what passed is refused from a second on at the latest, wherever the balancer sends it.
func (f *fleet) refusedSoon(c call) error {
	since := time.Now()
	for refused := 0; refused < 6; {
		sent := time.Since(since)
		a, err := f.try(c)
		switch {
		case err != nil:
			return err
		case a.status == http.StatusUnauthorized:
			refused++
		case a.status != http.StatusOK || sent > time.Second:
			return fmt.Errorf("%s after the end of the session: %d %s from %s", sent, a.status, a.code(), a.header.Get("X-Served-By"))
		default:
			refused = 0
		}
	}
	return nil
}

// changing changes the password, which ends every session, and signs in with the new one.
func (f *fleet) changing(u *user) func() error {
	return func() error {
		a, err := f.ask(post("/login", object{"login": u.email, "password": u.password}), http.StatusOK)
		if err != nil {
			return err
		}
		next := fmt.Sprintf("granite lantern %d", userNumber.Add(1))
		c := post("/me/password", object{"current_password": u.password, "new_password": next})
		c.bearer = a.text("access_token")
		if _, err := f.ask(c, http.StatusNoContent); err != nil {
			return err
		}
		u.password = next
		return f.refusedSoon(call{path: "/x", bearer: c.bearer})
	}
}

// signingUp makes a new account.
func (f *fleet) signingUp() error {
	u, err := f.signUp()
	if err == nil {
		_, err = f.ask(call{path: "/x", bearer: u.access}, http.StatusOK)
	}
	return err
}

func (f *fleet) signUp() (*user, error) {
	u := &user{email: freshEmail(), password: password}
	a, err := f.ask(post("/register", object{"email": u.email, "password": u.password}), http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	a, err = f.ask(post("/verify", object{"email": u.email, "otp": f.waitMail(f.t, u.email, 1).code, "registration": a.text("registration")}), http.StatusOK)
	u.access = a.text("access_token")
	return u, err
}

// forgetting resets the password of a new account by the code of a mail.
func (f *fleet) forgetting() error {
	u, err := f.signUp()
	if err != nil {
		return err
	}
	code, err := f.codeToReset(f.gateway, u)
	if err != nil {
		return err
	}
	u.password = "another lantern 12"
	if _, err := f.ask(post("/password/reset", object{"login": u.email, "otp": code, "new_password": u.password}), http.StatusNoContent); err != nil {
		return err
	}
	if err := f.refusedSoon(call{path: "/x", bearer: u.access}); err != nil {
		return err
	}
	_, err = f.ask(post("/login", object{"login": u.email, "password": u.password}), http.StatusOK)
	return err
}

// codeToReset asks a gateway for a code to reset the password by, and again if none comes: the answer is 202 also where the node
// could not count who asks, since Redis took longer than its quarter of a second on a busy machine.
func (f *fleet) codeToReset(g *gateway, u *user) (code string, err error) {
	const verified = 1 // the mail with the code of the registration
	for range 10 {
		a, err := g.try(post("/password/forgot", object{"login": u.email}))
		if err != nil || a.status != http.StatusAccepted {
			return "", fmt.Errorf("a forgotten password: %d %v", a.status, err)
		}
		over := time.After(5 * time.Second)
		for tick := time.Tick(50 * time.Millisecond); over != nil; {
			letters := f.mails(f.t, u.email)
			for _, l := range letters[min(verified, len(letters)):] {
				if l.code != "" {
					return l.code, nil
				}
			}
			select {
			case <-tick:
			case <-over:
				over = nil
			}
		}
		f.patience.busy.Add(1)
	}
	return "", errors.New("no mail with a code to reset the password by")
}

// child session is a browser that was handed over to another host by the newer program.
func (f *fleet) child() *visitor {
	f.t.Helper()
	u := f.newBrowser(f.t)
	login, app := f.surfer("http", "auth"), f.surfer("http", "app")
	login.cookies = maps.Clone(u.cookies)
	asked := app.led(f.t, http.StatusFound, "/private/x?y=z")
	code := login.led(f.t, http.StatusSeeOther, app.led(f.t, http.StatusSeeOther, login.led(f.t, http.StatusSeeOther, asked)))
	app.led(f.t, http.StatusSeeOther, code)
	s := &user{cookies: app.cookies}
	return &visitor{name: "a child session", account: u.id, rest: 20 * time.Millisecond, step: f.browser(s)(call{path: "/x", host: app.host, header: page})}
}
