package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// opening is how a site in a Caddyfile begins, up to what it does.
func (s *Server) opening() string {
	if !s.TLS {
		return fmt.Sprintf("http://%s {\n\tbind 127.0.0.1\n", s.Addr)
	}
	return fmt.Sprintf("https://%s {\n\tbind 127.0.0.1\n\ttls %[2]s/cert.pem %[2]s/key.pem\n", s.Addr, s.Dir)
}

func (s *Server) url(path string) string {
	if s.TLS {
		return "https://" + s.Addr + path
	}
	return "http://" + s.Addr + path
}

// secure gives a placed server a certificate of its own, which nobody checks.
func (s *Server) secure() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	s.TLS = true
	return nil
}
