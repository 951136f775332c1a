package caddymodule

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
)

// Settings is the configuration of the app `gatehouse`. The zero Settings is a working single node: a SQLite file and
// an outbox folder in Caddy's data directory. An empty field means its default.
type Settings struct {
	// Folder of everything this node keeps in files: the SQLite file, the generated secret, the outbox.
	// May hold {env.*} and {file.*}. Default: gatehouse in Caddy's data directory.
	DataDir string `json:"data_dir,omitempty"`

	// Where accounts and sessions live: `sqlite:<path>` or `postgres://…`. May hold {env.*} and {file.*}, which is how
	// a URL with a password is given. Postgres needs `secret`. Default: `sqlite:<data_dir>/gatehouse.db`.
	Database string `json:"database,omitempty"`

	// Secrets of at least 32 bytes, each given as one {env.*} or {file.*}. They encrypt signing keys, mails and seeds
	// at rest. The first seals, all unseal: a new secret is put in front of the old one. Default with SQLite: made once
	// in <data_dir>/secret. Keep it apart from backups of the database.
	Secret []string `json:"secret,omitempty"`

	// The Redis through which nodes on one Postgres tell each other of revocations. Without it each node reads them from
	// the database every second. Losing it loses nothing.
	Redis *RedisSettings `json:"redis,omitempty"`

	// How old this node's snapshot of revocations may get, 3s to 24h: past it the database and Redis have both not confirmed it
	// for so long. Only with Postgres. Default: 30s.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`

	// What guards do then: deny (503 with Retry-After) or serve. Only with Postgres. Default: deny.
	OnStale string `json:"on_stale,omitempty"`

	// Origin under which the pages are reached, such as https://auth.example.com: `iss` of tokens and the start of
	// every link in a mail. May hold {env.*} and {file.*}. May be left out only where every host that reaches the portal
	// is loopback or named exactly in the configuration; the request's own origin is used then.
	Issuer string `json:"issuer,omitempty"`

	// `aud` of tokens; a token is accepted when one of its audiences is in this list. Default: the issuer.
	Audience []string `json:"audience,omitempty"`

	// Algorithm of bearer tokens: EdDSA, ES256, RS256 or HS256 (has no public key: upstreams cannot check tokens).
	// Default: EdDSA.
	Algorithm string `json:"algorithm,omitempty"`

	// How long an access token is valid: 1s to 24h and shorter than refresh_lifetime. Default: 5m.
	AccessLifetime caddy.Duration `json:"access_lifetime,omitempty"`

	// How long a session lives without being used; every refresh renews it. At most session_lifetime. Default: 30d.
	RefreshLifetime caddy.Duration `json:"refresh_lifetime,omitempty"`

	// How long a just-used refresh token yields its successor again: 1s to 60s. Default: 10s.
	RefreshLeeway caddy.Duration `json:"refresh_leeway,omitempty"`

	// How long after the sign-in a session ends in any case; at most 400d. Default: 90d.
	SessionLifetime caddy.Duration `json:"session_lifetime,omitempty"`

	// After how much inactivity a session ends: longer than access_lifetime, not longer than refresh_lifetime. Off by default.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// How long after the sign-in the owner of an account may make changes that could take it away from them, without giving the password
	// again: 1s to 24h. Default: 10m.
	FreshFor caddy.Duration `json:"fresh_for,omitempty"`

	// What may be changed while the gateway runs: off (nothing), or names of settings. Default: all of them.
	RuntimeSettings []string `json:"runtime_settings,omitempty"`

	// How long the deletion of an account waits, during which its owner can take it back: 0s to 90d. Default: 0s, which is at once.
	DeletionGrace caddy.Duration `json:"deletion_grace,omitempty"`

	// How long a session lives that was signed in with "remember": false: 1s to session_lifetime. Default: 12h, or session_lifetime if
	// that is shorter.
	ShortSession caddy.Duration `json:"short_session,omitempty"`

	// How many sessions an account may have at once, 1 to 10000; one more ends the one that was used longest ago. Default: 100.
	MaxSessions int `json:"max_sessions,omitempty"`

	// What the names of the gateway's cookies begin with. A second gateway on the same host name needs another one, for
	// cookies do not know ports. Default: gatehouse.
	CookiePrefix string `json:"cookie_prefix,omitempty"`

	// Hosts (`host` or `host:port`) to which sign-in may lead besides those guarded by this configuration.
	RedirectHosts []string `json:"redirect_hosts,omitempty"`

	// Origins that may call the API from a browser (CORS) and make unsafe cookie-authenticated requests.
	TrustedOrigins []string `json:"trusted_origins,omitempty"`

	// What the header Remote-User holds: email (a verified one), username or sub (the account's id). Where the chosen
	// thing is missing it is the id. Default: email.
	RemoteUser string `json:"remote_user,omitempty"`

	// Who may register: verified (after proving the address), open (at once), invite (by invitation alone) or closed (nobody). Default: verified.
	Signup string `json:"signup,omitempty"`

	// Fields that accounts have besides those of Gatehouse.
	UserFields []UserFieldSettings `json:"user_fields,omitempty"`

	// The details of signup.
	SignupOptions *SignupSettings `json:"signup_options,omitempty"`

	// Which fields sign in and recover: email, username, phone (needs sms). A field that is not listed need not be unique.
	// Default: email username.
	Identities []string `json:"identities,omitempty"`

	// How people sign in: password, code (by mail, or by SMS to a number), link (by mail, with a code beside it), passkey. Default:
	// password passkey.
	SignIn []string `json:"sign_in,omitempty"`

	// Who may invite, and for how long an invitation is good.
	Invitations *InvitationSettings `json:"invitations,omitempty"`

	// Whose sign-ins need a second factor. Default: of those who have switched it on.
	MFA *MFASettings `json:"mfa,omitempty"`

	// How long a device that its owner trusts is asked for no second factor, 1h to 400d; or off. Default: 30d.
	TrustedDevice string `json:"trusted_device,omitempty"`

	// How long events, devices and unused invitations are kept.
	Retention *RetentionSettings `json:"retention,omitempty"`

	// The second factors that people may add: email, sms, totp, passkey, security_key, recovery; or none. Default: all but sms. Those of a type that is not
	// listed do not count.
	Factors []string `json:"factors,omitempty"`

	// For which domain passkeys and security keys are.
	Passkeys *PasskeySettings `json:"passkeys,omitempty"`

	// Addresses of administrators: whoever has verified one of them has the role admin.
	Admins []string `json:"admins,omitempty"`

	// How phone numbers are read, and which are taken.
	Phone *PhoneSettings `json:"phone,omitempty"`

	// The one-time codes and links that are sent.
	OTP *OTPSettings `json:"otp,omitempty"`

	// The rules for new passwords.
	Password *PasswordSettings `json:"password,omitempty"`

	// The lock after wrong passwords, per normalised identifier, existing or not.
	Lockout *LockoutSettings `json:"lockout,omitempty"`

	// Limits by name: `<count>/<window>` or `off`. With `.account` after the name: per account that the caller is signed in to; with `.global`:
	// for all together. These are off, but admin.account 600/1m. Per client address (/64 for IPv6): login 30/1m, mfa 30/1m,
	// passkey 60/1m, register 20/1h, verify 30/1m, forgot 20/1h, otp 20/1h, refresh 120/1m, token_verify 120/1m, dialect_verify off,
	// secure 30/1h. Per account: export 5/1d, invite 20/1d. Per recipient: mail 5/1h.
	// Per account: avatar 10/1h, admin 600/1m. SMS: sms 3/1h per number, sms_prefix 30/1h per number without its last four digits, sms_client 10/1h per client
	// address, sms_total 1000/1d for all.
	RateLimit map[string]string `json:"rate_limit,omitempty"`

	// Who and what is kept out: addresses, numbers, usernames and client addresses, by pattern or list.
	Block []BlockSettings `json:"block,omitempty"`

	// The only addresses and numbers that sign up or are sent a code. Default: all.
	Allow []AllowSettings `json:"allow,omitempty"`

	// What keeps programs from signing up that ask for baits, or fill in a field that people do not see. Default: off.
	HoneyTrap *TrapSettings `json:"honey_trap,omitempty"`

	// How much memory verified access tokens may take: 1MiB to 64GiB. Default: 128MiB.
	TokenCache string `json:"token_cache,omitempty"`

	// What mails and pages call the site, at most 64 bytes. Default: Gatehouse.
	Brand string `json:"brand,omitempty"`

	// What sends mail: a module of the namespace gatehouse.mail. Default: outbox.
	MailRaw json.RawMessage `json:"mail,omitempty" caddy:"namespace=gatehouse.mail inline_key=sender"`

	// A folder of templates that replace those of our mails: <kind>.<lang>.txt and <kind>.<lang>.html, read at start and at each
	// reload. May hold {env.*} and {file.*}. Default: none.
	MailTemplates string `json:"mail_templates,omitempty"`

	// A digest of that folder as it was when the Caddyfile was read, so that a reload sees that it has changed.
	MailTemplatesDigest string `json:"mail_templates_digest,omitempty"`

	// Identity providers that people can sign in by: modules of the namespace gatehouse.providers. Default: none.
	ProvidersRaw []json.RawMessage `json:"providers,omitempty" caddy:"namespace=gatehouse.providers inline_key=kind"`

	// What sends SMS: a module of the namespace gatehouse.sms. Default: none, and no SMS are sent.
	SMSRaw json.RawMessage `json:"sms,omitempty" caddy:"namespace=gatehouse.sms inline_key=sender"`
}
