-- +goose Up

-- Programs of the release before write none of these columns, and read past all of them.
-- Since when sign-ins of the account ask for a second factor.
alter table users add column mfa_enabled_at bigint;
-- The type of factor that its owner wants to be asked for first.
alter table users add column mfa_preferred text not null default '';
-- The channel of the reset that set the password, until another kind of proof has been given once: whoever reads that channel has the
-- password, so the channel is no second factor beside it.
alter table users add column password_by text not null default '';

-- The session that a step-up has put in place of this one. Who comes with a refresh token of this one gets that one for a moment.
alter table sessions add column replaced_by uuid;

-- secret and credential belong to a type each: a sealed TOTP seed, and what is known of a WebAuthn credential. One that is not
-- confirmed lapses at expires_at.
create table factors (
	id            uuid primary key,
	account_id    uuid not null,
	type          text not null,
	name          text not null,
	address       text not null default '',
	secret        bytea,
	last_step     bigint not null default 0,
	credential_id bytea unique,
	credential    bytea,
	sign_count    bigint not null default 0,
	created_at    bigint not null,
	confirmed_at  bigint,
	last_used_at  bigint,
	expires_at    bigint
);
create index factors_account on factors (account_id, id);
create index factors_expiry on factors (expires_at) where expires_at is not null;

create table recovery_codes (
	factor_id  uuid not null,
	digest     bytea not null,
	account_id uuid not null,
	used_at    bigint,
	primary key (factor_id, digest)
);
create index recovery_codes_account on recovery_codes (account_id);

-- Sign-ins and step-ups that wait for what is still asked for. session_id is the session that a step-up replaces.
create table pending_signins (
	id            uuid primary key,
	account_id    uuid not null,
	account_epoch bigint not null,
	session_id    uuid,
	token_digest  bytea not null unique,
	mode          text not null,
	method        text not null,
	amr           text not null,
	device_digest bytea,
	device_name   text not null,
	short_lived   boolean not null,
	trust_device  boolean not null,
	attempts_left bigint not null,
	created_at    bigint not null,
	expires_at    bigint not null
);
create index pending_signins_account on pending_signins (account_id);
create index pending_signins_expiry on pending_signins (expires_at);

-- The address or number that a reset went to: it is good only for as long as the account has that.
alter table challenges add column sent_to text not null default '';
-- What the browser or app keeps that asked for a code to sign in with, and how many wrong codes may still come together with it.
alter table challenges add column binding_digest bytea;
alter table challenges add column bound_left bigint not null default 0;
alter table challenges add column bound_reset_at bigint;

-- What lapses is found by when it does.
create index users_pending_email_until on users (pending_email_until) where pending_email_until is not null;
create index users_pending_phone_until on users (pending_phone_until) where pending_phone_until is not null;
create index invitations_unused on invitations (expires_at) where used_at is null;

-- The history of an account by kind, the newest first: of one kind among very many of others too.
create index events_account_kind on events (account_id, kind, at, id);

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
