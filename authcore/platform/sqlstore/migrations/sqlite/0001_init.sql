-- +goose Up

create table users (
	id                text primary key,
	email             text not null,
	email_verified_at integer,
	username          text not null,
	phone             text not null,
	first_name        text not null,
	last_name         text not null,
	avatar_url        text not null,
	roles             text not null,
	password_hash     text not null,
	epoch             integer not null,
	roles_version     integer not null,
	disabled_at       integer,
	created_at        integer not null,
	updated_at        integer not null
) strict;
-- Claiming identifiers goes through the accounts from the oldest on.
create index users_created on users (created_at, id);

-- What finds an account now, and what ever did. No reference to users: a value stays claimed when its account is gone.
create table identifiers (
	kind       text not null,
	value      text not null,
	user_id    text not null,
	is_current integer not null,
	claimed_at integer not null,
	primary key (kind, value)
) strict;
create index identifiers_user on identifiers (user_id, kind);

create table registrations (
	id            text primary key,
	address       text not null,
	proof_digest  blob not null,
	password_hash text not null,
	username      text not null,
	first_name    text not null,
	last_name     text not null,
	phone         text not null,
	created_at    integer not null,
	expires_at    integer not null
) strict;
create index registrations_address on registrations (address, created_at, id);
create index registrations_username on registrations (username, created_at, id);
create index registrations_expiry on registrations (expires_at);

-- One row per purpose and subject: the live challenge, or an expired one whose spent attempts still count.
create table challenges (
	id                text primary key,
	purpose           text not null,
	subject           text not null,
	account_id        text,
	code_digest       blob not null,
	token_digest      blob not null,
	attempts_left     integer not null,
	attempts_reset_at integer,
	created_at        integer not null,
	expires_at        integer not null,
	unique (purpose, subject)
) strict;
create index challenges_token on challenges (token_digest);
create index challenges_account on challenges (account_id);
create index challenges_expiry on challenges (expires_at);

-- A refresh changes one row, found by its primary key, and no column that an index knows.
create table sessions (
	id                 text primary key,
	account_id         text not null references users (id),
	account_epoch      integer not null,
	mode               text not null,
	amr                text not null,
	auth_time          integer,
	created_at         integer not null,
	last_seen_at       integer,
	refresh_digest     blob not null,
	previous_digest    blob,
	successor          blob,
	rotated_at         integer,
	refresh_expires_at integer not null,
	expires_at         integer not null,
	access_until       integer,
	addr               text not null,
	user_agent         text not null,
	device_name        text not null,
	revoked_at         integer
) strict;
create index sessions_account on sessions (account_id);

create table revocations (
	seq           integer primary key autoincrement,
	session_id    text,
	account_id    text not null,
	epoch         integer not null,
	roles_version integer not null,
	until         integer not null
) strict;
create index revocations_until on revocations (until);

create table events (
	id         text primary key,
	kind       text not null,
	at         integer not null,
	account_id text,
	session_id text,
	result     text not null,
	method     text not null,
	addr       text not null,
	user_agent text not null
) strict;
create index events_account on events (account_id, at);
create index events_at on events (at);

-- due_at is null once a mail is sent or given up; done_at says since when. Its content is gone then.
create table outbox (
	id         text primary key,
	kind       text not null,
	sealed     blob,
	created_at integer not null,
	attempts   integer not null,
	due_at     integer,
	done_at    integer
) strict;
create index outbox_due on outbox (due_at) where due_at is not null;
create index outbox_done on outbox (done_at) where done_at is not null;

create table signing_keys (
	kid        text primary key,
	key_use    text not null,
	algorithm  text not null,
	public     blob,
	sealed     blob not null,
	created_at integer not null,
	not_before integer,
	retire_at  integer,
	remove_at  integer
) strict;

create table settings (
	name  text primary key,
	value text not null
) strict;

create table lockouts (
	key   text primary key,
	until integer not null,
	level integer not null
) strict;
create index lockouts_until on lockouts (until);
