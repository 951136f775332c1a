-- +goose Up

create table users (
	id                uuid primary key,
	email             text not null,
	email_verified_at bigint,
	username          text not null,
	phone             text not null,
	first_name        text not null,
	last_name         text not null,
	avatar_url        text not null,
	roles             text not null,
	password_hash     text not null,
	epoch             bigint not null,
	roles_version     bigint not null,
	disabled_at       bigint,
	created_at        bigint not null,
	updated_at        bigint not null
);
-- Claiming identifiers goes through the accounts from the oldest on.
create index users_created on users (created_at, id);

-- What finds an account now, and what ever did. No reference to users: a value stays claimed when its account is gone.
create table identifiers (
	kind       text not null,
	value      text not null,
	user_id    uuid not null,
	is_current boolean not null,
	claimed_at bigint not null,
	primary key (kind, value)
);
create index identifiers_user on identifiers (user_id, kind);

create table registrations (
	id            uuid primary key,
	address       text not null,
	proof_digest  bytea not null,
	password_hash text not null,
	username      text not null,
	first_name    text not null,
	last_name     text not null,
	phone         text not null,
	created_at    bigint not null,
	expires_at    bigint not null
);
create index registrations_address on registrations (address, created_at, id);
create index registrations_username on registrations (username, created_at, id);
create index registrations_expiry on registrations (expires_at);

-- One row per purpose and subject: the live challenge, or an expired one whose spent attempts still count.
create table challenges (
	id                uuid primary key,
	purpose           text not null,
	subject           text not null,
	account_id        uuid,
	code_digest       bytea not null,
	token_digest      bytea not null,
	attempts_left     bigint not null,
	attempts_reset_at bigint,
	created_at        bigint not null,
	expires_at        bigint not null,
	unique (purpose, subject)
);
create index challenges_token on challenges (token_digest);
create index challenges_account on challenges (account_id);
create index challenges_expiry on challenges (expires_at);

-- A refresh changes one row, found by its primary key, and no column that an index knows:
-- with room left on the page, Postgres updates it in place (HOT).
create table sessions (
	id                 uuid primary key,
	account_id         uuid not null references users (id),
	account_epoch      bigint not null,
	mode               text not null,
	amr                text not null,
	auth_time          bigint,
	created_at         bigint not null,
	last_seen_at       bigint,
	refresh_digest     bytea not null,
	previous_digest    bytea,
	successor          bytea,
	rotated_at         bigint,
	refresh_expires_at bigint not null,
	expires_at         bigint not null,
	access_until       bigint,
	addr               text not null,
	user_agent         text not null,
	device_name        text not null,
	revoked_at         bigint
) with (fillfactor = 80);
create index sessions_account on sessions (account_id);

create table revocations (
	seq           bigint generated always as identity primary key,
	session_id    uuid,
	account_id    uuid not null,
	epoch         bigint not null,
	roles_version bigint not null,
	until         bigint not null
);
create index revocations_until on revocations (until);

create table events (
	id         uuid primary key,
	kind       text not null,
	at         bigint not null,
	account_id uuid,
	session_id uuid,
	result     text not null,
	method     text not null,
	addr       text not null,
	user_agent text not null
);
create index events_account on events (account_id, at);
create index events_at on events (at);

-- due_at is null once a mail is sent or given up; done_at says since when. Its content is gone then.
create table outbox (
	id         uuid primary key,
	kind       text not null,
	sealed     bytea,
	created_at bigint not null,
	attempts   bigint not null,
	due_at     bigint,
	done_at    bigint
);
create index outbox_due on outbox (due_at) where due_at is not null;
create index outbox_done on outbox (done_at) where done_at is not null;

create table signing_keys (
	kid        text primary key,
	key_use    text not null,
	algorithm  text not null,
	public     bytea,
	sealed     bytea not null,
	created_at bigint not null,
	not_before bigint,
	retire_at  bigint,
	remove_at  bigint
);

create table settings (
	name  text primary key,
	value text not null
);

create table lockouts (
	key   text primary key,
	until bigint not null,
	level bigint not null
);
create index lockouts_until on lockouts (until);
