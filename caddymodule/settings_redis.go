package caddymodule

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

// RedisSettings say where the Redis is that the nodes on one Postgres share.
type RedisSettings struct {
	// The server: `redis://[user@]host[:port][/db]`, or `rediss://…` for TLS. Several are nodes of a cluster; with the URL
	// option `sentinel=<master>` they are sentinels that know the master by that name; `cluster=true` says that a single
	// one is a cluster's. A URL with a password holds it as {env.*} or {file.*}.
	URL []string `json:"url,omitempty"`

	// What every key begins with: 1 to 64 letters, digits and . _ : -. Default: gatehouse:
	Prefix string `json:"prefix,omitempty"`

	// The user's password, as one {env.*} or {file.*}.
	Password string `json:"password,omitempty"`

	// The sentinels' own password, as one {env.*} or {file.*}.
	SentinelPassword string `json:"sentinel_password,omitempty"`

	// A file with the certificates, in PEM, of who may vouch for the server. Default: the system's list. May hold {env.*}
	// and {file.*}.
	CA string `json:"ca,omitempty"`

	read bool // the placeholders have been read
}

// redisOptions is the block of `redis`.
var redisOptions = []option[RedisSettings]{
	{
		name:  "prefix",
		parse: readText(func(r *RedisSettings) *string { return &r.Prefix }),
		check: func(r *RedisSettings) error {
			if r.Prefix != "" && !redisPrefix.MatchString(r.Prefix) {
				return errors.New("it must be 1 to 64 letters, digits and . _ : -, such as gatehouse: including the colon")
			}
			return nil
		},
	},
	{
		name:  "password",
		parse: readText(func(r *RedisSettings) *string { return &r.Password }),
		check: func(r *RedisSettings) error { return checkRedisPassword(r, r.Password) },
	},
	{
		name:  "sentinel_password",
		parse: readText(func(r *RedisSettings) *string { return &r.SentinelPassword }),
		check: func(r *RedisSettings) error { return checkRedisPassword(r, r.SentinelPassword) },
	},
	{
		name:  "ca",
		parse: readText(func(r *RedisSettings) *string { return &r.CA }),
		check: func(r *RedisSettings) error { return checkPlaceholders(r.CA) },
	},
}

var redisPrefix = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

const (
	defaultRedisPrefix  = "gatehouse:"
	defaultRedisPort    = "6379"
	defaultSentinelPort = "26379"
)

// parseRedis reads `redis <url…> { … }`.
func parseRedis(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("redis takes at least one URL: redis redis://redis.internal:6379")
	}
	s.Redis = &RedisSettings{URL: args}
	if err := parseBlock(d, redisOptions, s.Redis); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// checkRedis judges the option. Its errors never show a URL, which may hold a password.
func checkRedis(s *Settings) error {
	r := s.Redis
	if r == nil {
		return nil
	}
	if err := needsPostgres(s); err != nil {
		return err
	}
	if len(r.URL) == 0 {
		return errors.New("it needs at least one URL, such as redis://redis.internal:6379")
	}
	for _, v := range r.URL {
		if err := checkPlaceholders(v); err != nil {
			return errors.New("the placeholders of its URL must be {env.NAME} or {file./path}")
		}
	}
	if err := checkAll(redisOptions, r); err != nil {
		return err
	}
	if slices.ContainsFunc(r.URL, hasPlaceholder) {
		return nil
	}
	_, err := r.address()
	return err
}

// needsPostgres is for options that only several nodes have a use for.
func needsPostgres(s *Settings) error {
	if hasPlaceholder(s.Database) || isPostgres(s.Database) {
		return nil
	}
	return errors.New("it works only with Postgres (option database); with SQLite there is only one process")
}

func checkRedisPassword(r *RedisSettings, v string) error {
	if v == "" || r.read {
		return nil
	}
	return checkSecret(v)
}

// redisAddress is what the URLs say together.
type redisAddress struct {
	hosts          []string
	tls, cluster   bool
	master         string
	user, password string
	db             int
}

// address reads the URLs, which may differ in host and port only.
func (r *RedisSettings) address() (a redisAddress, err error) {
	for i, v := range r.URL {
		if checkHost(v) == nil {
			return a, fmt.Errorf("a server must be a URL: write redis://%s, or rediss:// for TLS", v)
		}
		u, err := url.Parse(v)
		if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
			return a, errors.New("it is not a Redis URL; write redis://<user>@<host>:<port>, or rediss:// for TLS, and percent-encode special characters in user and password")
		}
		one, err := r.readURL(u)
		if err != nil {
			return a, err
		}
		host := one.hosts[0]
		one.hosts = a.hosts
		if i > 0 && !one.like(a) {
			return a, errors.New("its URLs may differ only in host and port, because they name nodes of one cluster or sentinels of one master")
		}
		if slices.Contains(a.hosts, host) {
			return a, fmt.Errorf("%s is given twice", host)
		}
		a = one
		a.hosts = append(a.hosts, host)
	}
	a.cluster = a.cluster || (len(a.hosts) > 1 && a.master == "")
	switch {
	case a.cluster && a.master != "":
		return a, errors.New("use either cluster or sentinel, not both")
	case a.cluster && a.db != 0:
		return a, errors.New("a cluster has only database 0")
	case r.SentinelPassword != "" && a.master == "":
		return a, errors.New("sentinel_password is for sentinels: add ?sentinel=<master> to the URLs")
	case r.CA != "" && !a.tls:
		return a, errors.New("ca is for TLS: write rediss://")
	}
	return a, nil
}

func (a redisAddress) like(b redisAddress) bool {
	return a.tls == b.tls && a.cluster == b.cluster && a.master == b.master && a.user == b.user && a.password == b.password && a.db == b.db
}

// readURL reads one URL.
func (r *RedisSettings) readURL(u *url.URL) (a redisAddress, err error) {
	a.tls = u.Scheme == "rediss"
	a.user = u.User.Username()
	a.password, _ = u.User.Password()
	switch {
	case a.password != "" && !r.read:
		return a, errors.New("give the password with the option password, or as {env.NAME} or {file./path} in the URL, not as plain text: Caddy saves and shows the configuration unencrypted")
	case a.password != "" && r.Password != "":
		return a, errors.New("the password is given both in the URL and in the option password; remove one")
	}
	if path := strings.TrimPrefix(u.Path, "/"); path != "" {
		if a.db, err = strconv.Atoi(path); err != nil || a.db < 0 || strconv.Itoa(a.db) != path {
			return a, errors.New("what follows the host must be the number of a database, such as /0")
		}
	}
	port := defaultRedisPort
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return a, errors.New("the options of its URL are malformed")
	}
	for name, values := range query {
		switch {
		case name == "sentinel" && len(values) == 1 && values[0] != "":
			a.master, port = values[0], defaultSentinelPort
		case name == "cluster" && len(values) == 1 && values[0] == "true":
			a.cluster = true
		default:
			return a, errors.New("its URL may have only the options sentinel=<master> and cluster=true")
		}
	}
	if err := checkHost(u.Host); err != nil {
		return a, err
	}
	host, given, bracketed := splitHostPort(u.Host)
	if bracketed {
		host = "[" + host + "]"
	}
	a.hosts = []string{host + ":" + cmp.Or(given, port)}
	return a, nil
}

// expand returns a copy in which every placeholder is read.
func (r *RedisSettings) expand() (*RedisSettings, error) {
	if r == nil {
		return nil, nil
	}
	c := *r
	c.URL = slices.Clone(r.URL)
	fields := []*string{&c.Password, &c.SentinelPassword, &c.CA}
	for i := range c.URL {
		fields = append(fields, &c.URL[i])
	}
	for _, f := range fields {
		v, err := readPlaceholders(*f)
		if err != nil {
			return nil, err
		}
		if *f != v && hasPlaceholder(v) && f != &c.Password && f != &c.SentinelPassword {
			return nil, errors.New("the value that was read has a brace in it")
		}
		*f = v
	}
	c.read = true
	return &c, nil
}

func resolveRedis(s *Settings, r *resolved) error {
	if s.Redis == nil {
		return nil
	}
	a, err := s.Redis.address()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	cfg := &redislink.Config{
		Addrs: a.hosts, Master: a.master, Cluster: a.cluster, User: a.user, DB: a.db,
		Password:         secret.FromString(cmp.Or(a.password, s.Redis.Password)),
		SentinelPassword: secret.FromString(s.Redis.SentinelPassword),
		Prefix:           cmp.Or(s.Redis.Prefix, defaultRedisPrefix),
	}
	var pem []byte
	if a.tls {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.Redis.CA != "" {
		if pem, err = os.ReadFile(s.Redis.CA); err != nil {
			return fmt.Errorf("redis: ca: %w", err)
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return errors.New("redis: ca: the file contains no PEM certificate")
		}
	}
	r.redis, r.redisKey = cfg, redisKey(cfg, pem)
	return nil
}

// redisKey is the same for the same settings, and tells nothing of the passwords in them.
func redisKey(c *redislink.Config, ca []byte) string {
	sum := secret.SumString(fmt.Sprintf("%q %q %t %q %q %q %d %t %q %q", c.Addrs, c.Master, c.Cluster, c.User,
		c.Password.RevealString(), c.SentinelPassword.RevealString(), c.DB, c.TLS != nil, c.Prefix, ca))
	return hex.EncodeToString(sum[:])
}
