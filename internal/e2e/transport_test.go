package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority makes a certificate authority, writes its certificate to a file and returns a client certificate of it.
func authority(t testing.TB, file string) tls.Certificate {
	t.Helper()
	issue := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	valid := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	ca, leaf := valid, valid
	ca.Subject, ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = pkix.Name{CommonName: "clients"}, true, true, x509.KeyUsageCertSign
	leaf.Subject, leaf.SerialNumber, leaf.ExtKeyUsage = pkix.Name{CommonName: "client"}, big.NewInt(2), []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	caDER, caKey := issue(&ca, nil, nil)
	leafDER, leafKey := issue(&leaf, &ca, caKey)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}
}

// twoSites share a port and the guard; one of them asks clients for a certificate of the authority in a file.
func twoSites(file string) plan {
	return plan{caddy: "skip_install_trust", site: `https://open.localhost:<port2> {
	tls internal
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
https://secret.localhost:<port2> {
	tls {
		issuer internal
		client_auth {
			mode require_and_verify
			trust_pool file ` + file + `
		}
	}
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
` + defaultSite}
}

// TestP24_ServerName: the certificate was asked for in the handshake, where the name was another one. Whoever then asks
// for the protected site over that connection has shown no certificate to it. The behaviour is Caddy's (strict_sni_host,
// which client_auth turns on); the test is that the guard's sites have it and nothing of ours answers first.
func TestP24_ServerName(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "clients.pem")
	certificate := authority(t, file)
	g := start(t, twoSites(file))
	u := g.newUser(t)
	addr := fmt.Sprintf("127.0.0.1:%d", g.Port2)
	dial := func(name string, certificates ...tls.Certificate) (*tls.Conn, error) {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: name, Certificates: certificates, NextProtos: []string{"http/1.1"}})
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		}
		return conn, err
	}
	ask := func(conn *tls.Conn, host, path, token string) answer {
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n\r\n", path, host, g.Port2, token)
		return readAnswer(bufio.NewReader(conn), "GET")
	}
	eventually(t, "the certificates are there", func() bool {
		_, err := dial("open.localhost")
		_, err2 := dial("secret.localhost", certificate)
		return err == nil && err2 == nil
	})
	before := g.up.requests.Load()
	for _, c := range []struct {
		name, host   string
		certificates []tls.Certificate
		status       int
	}{
		{"open.localhost", "secret.localhost", nil, 421},
		{"open.localhost", "secret.localhost", []tls.Certificate{certificate}, 421},
		{"open.localhost", "SECRET.localhost", nil, 421},
		{"open.localhost", "secret.localhost.", nil, 421},
		{"secret.localhost", "open.localhost", []tls.Certificate{certificate}, 421},
		{"secret.localhost", "secret.localhost", nil, 0}, // no handshake, no answer
	} {
		for _, path := range []string{"/x", "/auth/me", "/auth/login", "/auth/healthz"} {
			conn, err := dial(c.name, c.certificates...)
			if err != nil && c.status != 0 {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			if a := ask(conn, c.host, path, u.access); a.status != c.status {
				t.Errorf("name %s, host %s, %d certificates, %s: %d %.100s", c.name, c.host, len(c.certificates), path, a.status, a.body)
			}
		}
	}
	// Browsers use one HTTP/2 connection for all names of a certificate.
	h := dialH2(t, addr, "open.localhost")
	if a := h.await(h.open(true, "GET", fmt.Sprintf("secret.localhost:%d", g.Port2), "/x", "authorization", "Bearer "+u.access)); a.status != "421" {
		t.Errorf("over HTTP/2: %s", a)
	}
	if n := g.up.requests.Load(); n != before {
		t.Errorf("the upstream was asked %d times", n-before)
	}
	// The certificate opens the site, not the guard.
	for name, certificates := range map[string][]tls.Certificate{"open.localhost": nil, "secret.localhost": {certificate}} {
		conn, err := dial(name, certificates...)
		if err != nil {
			t.Fatal(err)
		}
		ask(conn, name, "/x", "junk").want(t, 401, "invalid_token")
		if conn, err = dial(name, certificates...); err != nil {
			t.Fatal(err)
		}
		if e := ask(conn, name, "/x", u.access).must(t, 200, "").echo(t); e.get(t, "Remote-Sub") != u.id {
			t.Errorf("%s: %v", name, e.Headers)
		}
	}
}

// TestP24_MissingAuthority: without the file there is nobody whom certificates could be checked against.
func TestP24_MissingAuthority(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "clients.pem")
	p := twoSites(file)
	p.failing = true
	g := start(t, p)
	if err := g.WaitExit(t); err == nil || !strings.Contains(g.logs(), file) {
		t.Errorf("it ended with %v\n%s", err, g.Log.Tail(3))
	}
}
