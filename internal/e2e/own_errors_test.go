package e2e

import (
	"strings"
	"testing"
)

// TestP01_ErrorsBeforeOurHandlers: an error that arises before any handler of ours, in a matcher of an earlier directive, brings no
// header to the handlers for errors that a client could pass itself off by, nor a way round the guard.
func TestP01_ErrorsBeforeOurHandlers(t *testing.T) {
	t.Parallel()
	site := "@bad expression `int({http.request.uri.query.v}) > 3`\n\theader @bad X-Mobile 1\n\t<portal>\n" +
		"\tgatehouse_guard /app/* {\n\t\tlogin_url /in\n\t}\n\treverse_proxy <upstream>\n\thandle_errors {\n\t\treverse_proxy <upstream>\n\t}\n}\n"
	g := start(t, plan{global: "issuer http://127.0.0.1:<port>", site: "http://127.0.0.1:<port> {\n\tgatehouse\n}\n" +
		"http://bare.test:<port2> {\n\t" + strings.Replace(site, "<portal>", "", 1) +
		"http://portal.test:<port2> {\n\t" + strings.Replace(site, "<portal>", "gatehouse", 1)})
	for _, host := range []string{"bare.test", "portal.test"} {
		a := g.rawTo(t, g.fill("127.0.0.1:<port2>"), "POST /app/x?v=zz HTTP/1.1\r\nHost: "+host+g.fill(":<port2>")+"\r\nRemote-User: evil\r\n"+
			"X_Authentik_Username: evil\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"+
			"Transfer-Encoding: chunked\r\nTrailer: Remote-User\r\n\r\n1\r\nx\r\n0\r\nRemote-User: evil\r\n\r\n")
		if a.status != 200 {
			t.Errorf("%s: %d, want the answer of the handler for errors", host, a.status)
			continue
		}
		e := a.echo(t)
		for _, h := range append(e.Headers, e.Trailers...) {
			if strings.Contains(h[1], "evil") || strings.EqualFold(h[0], "Upgrade") || strings.EqualFold(h[0], "HTTP2-Settings") {
				t.Errorf("%s: the handler for errors got %s: %s", host, h[0], h[1])
			}
		}
	}
}
