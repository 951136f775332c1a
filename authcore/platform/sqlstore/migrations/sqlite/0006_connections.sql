-- +goose Up

-- Programs of the release before write none of these columns, and read past all of them.
-- The factor that is added in the midst of a sign-in: no other one is confirmed by it.
alter table pending_signins add column enrolment text;
-- Of the user agent by which the browser or app is known again that began the sign-in.
alter table pending_signins add column client_digest blob;
-- Of a step-up: whether two kinds of proof are wanted whatever sign-ins ask for, and, where it adds to what its session was signed in by, when that was.
alter table pending_signins add column wants_mfa integer not null default 0;
alter table pending_signins add column auth_time integer;
-- The password is too short to stand alone, and was taken beside second factors: they are not switched off before it is changed.
alter table users add column password_short integer not null default 0;
-- Of a code to sign in with that goes to somebody without an account: the invitation that it was asked for with.
alter table challenges add column invitation_id text;

-- Who has proved the address: '' is the gateway itself, else the provider that says so.
alter table users add column email_verified_by text not null default '';
-- The roles that administrators gave, where roles holds those of providers besides; null: roles holds them alone.
alter table users add column own_roles text;

-- What a session or a sign-in that waits was opened by at a provider, as JSON.
alter table pending_signins add column provider_session text;

-- A person at a provider, who is issuer and subject and nothing else, and the account that it signs in to.
create table connections (
	id             text primary key,
	account_id     text not null,
	provider       text not null,
	issuer         text not null,
	subject        text not null,
	email          text not null,
	name           text not null,
	roles          text not null,
	made_signed_in integer not null,
	connected_at   integer not null,
	last_used_at   integer,
	unique (issuer, subject)
) strict;
create index connections_account on connections (account_id, id);

-- Persons at providers who were disconnected from an account: they are connected again only by who asks for it.
create table former_connections (
	issuer     text not null,
	subject    text not null,
	account_id text not null,
	at         integer not null,
	primary key (issuer, subject)
) strict;
create index former_connections_account on former_connections (account_id);

-- Browsers that are on their way to a provider. account_id and session_id are of who connects, null for a sign-in. sealed holds the
-- verifier of PKCE and what goes on afterwards.
create table social_starts (
	id             text primary key,
	state_digest   blob not null unique,
	browser_digest blob not null,
	provider       text not null,
	account_id     text,
	session_id     text,
	sealed         blob not null,
	created_at     integer not null,
	expires_at     integer not null
) strict;
create index social_starts_account on social_starts (account_id);
create index social_starts_expiry on social_starts (expires_at);

-- Sign-ins by a provider that lack something. sealed holds who it is and what is known.
create table social_tokens (
	id           text primary key,
	token_digest blob not null unique,
	mode         text not null,
	sealed       blob not null,
	created_at   integer not null,
	expires_at   integer not null
) strict;
create index social_tokens_expiry on social_tokens (expires_at);

-- Tokens of providers that were taken: none is taken twice.
create table used_tokens (
	digest     blob primary key,
	expires_at integer not null
) strict;
create index used_tokens_expiry on used_tokens (expires_at);

-- Which sessions a provider has opened, and the session at the provider that each is of.
create table provider_sessions (
	session_id text primary key,
	account_id text not null,
	provider   text not null,
	issuer     text not null,
	subject    text not null,
	sid        text not null,
	expires_at integer not null
) strict;
create index provider_sessions_account on provider_sessions (account_id);
create index provider_sessions_subject on provider_sessions (issuer, subject);
create index provider_sessions_sid on provider_sessions (issuer, sid) where sid <> '';
create index provider_sessions_expiry on provider_sessions (expires_at);

-- What takes consent back that somebody gave at a provider, sealed, for the connection that it is of. Once that has ended it names
-- nobody, and due_at says when it is tried.
create table provider_grants (
	id            text primary key,
	connection_id text unique,
	account_id    text,
	provider      text not null,
	sealed        blob not null,
	due_at        integer,
	tries         integer not null default 0
) strict;
create index provider_grants_account on provider_grants (account_id) where account_id is not null;
create index provider_grants_due on provider_grants (due_at) where due_at is not null;

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
