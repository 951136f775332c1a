package dfauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestOTP_RedirectPath: what is no path of this host gets no code and no link; the pages' own paths are none either.
func TestOTP_RedirectPath(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitOTP: {Count: 100, Window: time.Hour}, authcore.LimitMail: {Count: 100, Window: time.Hour}}})
	for _, to := range []string{
		"https://evil.example/", "http://auth.example.com/x", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "javascript:alert(1)",
		"shop", "?x=1", "/a\tb", "/a\nb", "/%0d%0aX", "/%5cevil.example", "/%2f%2fevil.example", "/./x", "/a/../b", "/.//evil.example", "/auth/logout", "/AUTH/login", "/%61uth/x", "/é", "/" + strings.Repeat("a", 512),
	} {
		if got := refused(t, e, 400, "POST", base+"/otp/", "email="+email+"&redirect_path="+url.QueryEscape(to), ""); got["code"] != "invalid" || got["field"] != "redirect_path" {
			t.Errorf("%q answered %v", to, got)
		}
	}
	if all := e.Mails(t, email); len(all) != 0 {
		t.Errorf("%d mails were sent", len(all))
	}
	for _, to := range []string{"/", "/shop?x=1&y=%2F#z", "/a//b", "/authors"} {
		e.Clock.Advance(2 * time.Minute)
		e.Want(t, 200, "POST", base+"/otp/", "email="+email+"&redirect_path="+url.QueryEscape(to), "")
		if link := e.Mail(t, email, authcore.MailSignInCode).Link; !strings.HasSuffix(link, "&rd="+url.QueryEscape(to)) {
			t.Errorf("%q: the link is %s", to, link)
		}
	}
}
