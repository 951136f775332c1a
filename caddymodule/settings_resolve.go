package caddymodule

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

// minSecretBytes is the least length of a secret.
const minSecretBytes = 32

// resolved is Settings with every placeholder read, every default filled in and every value typed. It holds secrets
// only as [secret.Value].
type resolved struct {
	dataDir    string       // absolute
	database   secret.Value // sqlite:<absolute path> or the Postgres URL, which may hold a password
	sqlitePath string       // absolute; "" with Postgres
	secrets    []secret.Value
	held       *secret.Sealer // of the secrets, once sealer has been called
	// A secret whose file is gone is replaced, although the database has keys that only it opens (`gatehouse secret reset`).
	replaceSecret bool
	redis         *redislink.Config // nil: none
	redisKey      string            // the same for the same settings of Redis
	issuer        *url.URL          // scheme and host in lower case, no default port; nil: the request's own origin
	audience      []string          // empty: the issuer
	algorithm     jwtkeys.Algorithm

	mailSet       bool             // option mail: Caddy keeps nothing of it once its module is loaded
	tuning        *tuning.Registry // what may change while the gateway runs
	refreshLeeway time.Duration
	deletionGrace time.Duration // how long a deletion waits; 0: none

	jars [2]*httpauth.Jar // our cookies over http and over https

	maxStaleness time.Duration // of the snapshot of revocations
	onStale      string        // onStaleDeny or onStaleServe

	redirectHosts  []string // lower case
	trustedOrigins []string // as a browser writes them in Origin
	origins        *httpauth.Origins
	remoteUser     string
	userFields     userfield.Set
	deferred       bool // of signup open
	codeOnDemand   bool // signing up sends no code
	brand          string
	templates      notify.Templates // of mails
	identities     []authcore.IdentifierKind
	numbers        identifier.Numbers
	factors        []authcore.FactorType // that are offered
	signIn         []string              // the ways, at least one
	byCode         bool                  // who is new gets an account by a code
	passkeys       webauthn.Parties
	admins         authcore.Admins
	invitations    invitationRules
	retention      authcore.Retention
	mfa            secondstep.Requirement
	trustFor       time.Duration // 0: no device is trusted
	shortSession   time.Duration
	maxSessions    int
	otp            otpRules
	password       passwordRules
	lockout        lockoutRules
	rates          map[string]ratelimit.Rate // every limit of limitNames
	blocks         blockRules
	trap           trapRules
	tokenCache     uint64   // bytes
	warnings       []string // what is allowed but should be told at start
}

// resolve checks the settings and gives every option its value. It reads the environment and the files that the
// settings name and creates, opens for writing and locks nothing. Errors name the option and never a secret.
func (s *Settings) resolve() (*resolved, error) {
	read, err := s.expand()
	if err != nil {
		return nil, err
	}
	if err := checkAll(globalOptions, read); err != nil {
		return nil, err
	}
	r := &resolved{
		mailSet:      len(read.MailRaw) > 0,
		audience:     read.Audience,
		algorithm:    cmp.Or(jwtkeys.Algorithm(read.Algorithm), jwtkeys.EdDSA),
		remoteUser:   cmp.Or(read.RemoteUser, "email"),
		deferred:     read.signupRules().Deferred,
		codeOnDemand: read.signupRules().SendCode == "off",
		brand:        cmp.Or(read.Brand, "Gatehouse"),
		numbers:      read.numbers(),
		factors:      read.factors(),
		signIn:       read.signIn(),
		byCode:       read.byCode(),
		passkeys:     read.passkeys(),
		invitations:  read.invitationRules(),
		retention:    read.retention(),
		mfa:          read.mfa(),
		trustFor:     read.trustFor(),
		otp:          read.otpRules(),
		password:     read.passwordRules(),
		lockout:      read.lockoutRules(),
	}
	r.jars = [2]*httpauth.Jar{httpauth.NewJar(read.CookiePrefix, false), httpauth.NewJar(read.CookiePrefix, true)}
	r.refreshLeeway = orDefault(read.RefreshLeeway, session.Leeway)
	r.shortSession, r.maxSessions = read.shortSession(), cmp.Or(read.MaxSessions, session.DefaultMax)
	r.deletionGrace = time.Duration(read.DeletionGrace)
	if r.tokenCache, err = tokenCacheBytes(read.TokenCache); err != nil {
		return nil, err
	}
	for _, step := range []func(*Settings, *resolved) error{resolvePaths, resolveSecrets, resolveRedis, resolveStaleness, resolveOrigins, resolveRates, resolveAdmins, resolveTemplates, resolveUserFields, resolveBlocks, resolveTrap, resolveTuning} {
		if err := step(read, r); err != nil {
			return nil, err
		}
	}
	for _, kind := range read.Identities {
		r.identities = append(r.identities, authcore.IdentifierKind(kind))
	}
	if len(r.identities) == 0 {
		r.identities = []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}
	}
	return r, nil
}

// expand returns a copy in which the options that may hold placeholders are read, all but the secrets.
func (s *Settings) expand() (*Settings, error) {
	c := *s
	for _, f := range []struct {
		option string
		value  *string
		check  func(string) error
	}{
		{"data_dir", &c.DataDir, checkPlaceholders},
		{"mail_templates", &c.MailTemplates, checkPlaceholders},
		{"database", &c.Database, func(v string) error { return checkDatabase(v, true) }},
		{"issuer", &c.Issuer, checkIssuer},
	} {
		if err := f.check(*f.value); err != nil {
			return nil, fmt.Errorf("%s: %w", f.option, err)
		}
		v, err := readPlaceholders(*f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.option, err)
		}
		// What was read is text: it is not read again, and no option has a use for braces in it.
		if hasPlaceholder(v) {
			return nil, fmt.Errorf("%s: the value that was read has a brace in it", f.option)
		}
		*f.value = v
	}
	// Before its placeholders are read, since a password that is written out cannot be told apart afterwards.
	if err := checkRedis(&c); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	redis, err := c.Redis.expand()
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	c.Redis = redis
	return &c, nil
}

// readPlaceholders reads {env.*} and {file.*} once, at start. The error names the placeholder, never a value.
func readPlaceholders(v string) (string, error) {
	for _, p := range placeholder.FindAllString(v, -1) {
		if got, err := caddy.NewReplacer().ReplaceOrErr(p, true, true); err != nil || got == "" {
			return "", fmt.Errorf("%s %s", p, whyNothing(strings.Trim(p, "{}")))
		}
	}
	return caddy.NewReplacer().ReplaceOrErr(v, true, true)
}

// whyNothing says why a placeholder without its braces has no value.
func whyNothing(p string) string {
	if path, isFile := strings.CutPrefix(p, "file."); isFile {
		if _, err := os.ReadFile(path); err != nil {
			return fmt.Sprintf("cannot be read (this process runs as uid %d): %v", os.Getuid(), err)
		}
	} else if _, set := os.LookupEnv(strings.TrimPrefix(p, "env.")); !set {
		return "is not set"
	}
	return "is empty"
}

func resolvePaths(s *Settings, r *resolved) (err error) {
	r.dataDir = cmp.Or(s.DataDir, filepath.Join(caddy.AppDataDir(), "gatehouse"))
	if r.dataDir, err = filepath.Abs(r.dataDir); err != nil {
		return fmt.Errorf("data_dir: finding the working directory: %w", err)
	}
	if s.DataDir == "" && os.Getenv("HOME") == "" && os.Getenv("XDG_DATA_HOME") == "" && runtime.GOOS != "windows" {
		r.warnings = append(r.warnings, "neither HOME nor XDG_DATA_HOME is set, so data is kept below the folder in which the gateway was started, in "+
			r.dataDir+": set data_dir, or the same database and secret are not found from another folder")
	}
	if isPostgres(s.Database) {
		r.database = secret.FromString(s.Database)
		return nil
	}
	path := cmp.Or(strings.TrimPrefix(s.Database, "sqlite:"), filepath.Join(r.dataDir, "gatehouse.db"))
	if r.sqlitePath, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("database: finding the working directory: %w", err)
	}
	r.database = secret.FromString("sqlite:" + r.sqlitePath)
	return nil
}

func resolveSecrets(s *Settings, r *resolved) error {
	for _, given := range s.Secret {
		v, err := readPlaceholders(given)
		if err != nil {
			return fmt.Errorf("secret: %w", err)
		}
		if len(v) < minSecretBytes {
			return fmt.Errorf("secret: %s has %d bytes but needs at least %d; make one with openssl rand -base64 32", given, len(v), minSecretBytes)
		}
		r.secrets = append(r.secrets, secret.FromString(v))
	}
	return nil
}

func resolveOrigins(s *Settings, r *resolved) error {
	if s.Issuer != "" {
		u, err := parseOrigin(s.Issuer)
		if err != nil {
			return fmt.Errorf("issuer: %w", err)
		}
		r.issuer = canonicalOrigin(u)
	}
	for _, o := range s.TrustedOrigins {
		u, err := parseOrigin(o)
		if err != nil {
			return fmt.Errorf("trusted_origins: %w", err)
		}
		r.trustedOrigins = append(r.trustedOrigins, canonicalOrigin(u).String())
	}
	var err error
	if r.origins, err = httpauth.NewOrigins(r.trustedOrigins); err != nil {
		return fmt.Errorf("trusted_origins: %w", err)
	}
	for _, h := range s.RedirectHosts {
		r.redirectHosts = append(r.redirectHosts, strings.ToLower(h))
	}
	if r.lockout.off {
		r.warnings = append(r.warnings, "lockout is off: nothing slows down guessing one account's password from many addresses")
	}
	return nil
}

// canonicalOrigin writes an origin as browsers do, see [httpauth.Origin].
func canonicalOrigin(u *url.URL) *url.URL {
	_, host, _ := strings.Cut(httpauth.Origin(u.Scheme, u.Host), "://")
	return &url.URL{Scheme: u.Scheme, Host: host}
}

func orDefault(v caddy.Duration, fallback time.Duration) time.Duration {
	return cmp.Or(time.Duration(v), fallback)
}
