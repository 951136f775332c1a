-- +goose Up

-- Programs of the release before write none of these columns, and read past all of them.
alter table users add column phone_verified_at integer;
alter table users add column locale text not null default '';
alter table users add column fields text not null default '{}';
alter table users add column invited_by text;
-- Made by whoever runs the gateway: signs in before its address is verified, and nobody else gets it by verifying that address.
alter table users add column made_by_operator integer not null default 0;
-- The verified address was another account's before: services do not get it as the user's name.
alter table users add column email_reused integer not null default 0;
-- Null as well for who was there before: their next sign-in is the first that is told apart by its device.
alter table users add column first_sign_in_at integer;
-- Kinds of mail that the owner has switched off.
alter table users add column muted text not null default '[]';
-- When an account whose owner has left is deleted; it is disabled until then.
alter table users add column deletes_at integer;
-- What the account has asked to be known by and not verified yet: the last asked for of each channel.
alter table users add column pending_email text not null default '';
alter table users add column pending_email_until integer;
alter table users add column pending_phone text not null default '';
alter table users add column pending_phone_until integer;
create index users_pending_email on users (pending_email) where pending_email <> '';
create index users_pending_phone on users (pending_phone) where pending_phone <> '';
create index users_deletes on users (deletes_at) where deletes_at is not null;
create index users_email on users (email) where email <> '';
create index users_roles on users (id) where roles <> '[]';
create index users_invited on users (invited_by) where invited_by is not null;

alter table sessions add column device_id text;
-- Signed in with "remember": false: it ends early, and its cookies with the browser.
alter table sessions add column short_lived integer not null default 0;

alter table registrations add column channel text not null default 'email';
-- A contact address beside the number that is to be verified.
alter table registrations add column email text not null default '';
alter table registrations add column fields text not null default '{}';
alter table registrations add column locale text not null default '';
alter table registrations add column invitation_id text;

alter table events add column device_id text;
alter table events add column host text not null default '';

alter table outbox add column channel text not null default 'email';
alter table outbox add column account_id text;
-- When an SMS is due. Nodes of the release before look at due_at alone, and would take an SMS for a mail.
alter table outbox add column sms_due_at integer;
create index outbox_sms_due on outbox (sms_due_at) where sms_due_at is not null;
create index outbox_account on outbox (account_id);

-- Until when the code is good; null: as long as the challenge, or as nodes of the release before think.
alter table challenges add column code_expires_at integer;

-- inviter_id is null for an invitation made on the command line; channel and address are '' for one that is bound to nobody.
create table invitations (
	id           text primary key,
	inviter_id   text,
	channel      text not null,
	address      text not null,
	roles        text not null,
	token_digest blob not null unique,
	created_at   integer not null,
	expires_at   integer not null,
	used_at      integer,
	used_by      text,
	revoked_at   integer
) strict;
create index invitations_inviter on invitations (inviter_id, id);
create index invitations_created on invitations (created_at, id);

-- A browser or app, as one account knows it. The same browser is another row, by the same digest, for another account.
create table devices (
	id            text primary key,
	account_id    text not null,
	token_digest  blob not null,
	name          text not null,
	user_agent    text not null,
	addr          text not null,
	first_seen_at integer not null,
	last_seen_at  integer not null,
	trusted_until integer,
	unique (account_id, token_digest)
) strict;
create index devices_seen on devices (last_seen_at);

-- The links "This was not me". at is the time of the event that the mail tells of: links rank by it. contact: it is of a
-- change of address or number. undo is what to take back, sealed.
create table security_links (
	id           text primary key,
	account_id   text not null,
	token_digest blob not null unique,
	kind         text not null,
	contact      integer not null,
	at           integer not null,
	undo         blob,
	expires_at   integer not null,
	used_at      integer
) strict;
create index security_links_account on security_links (account_id, at);
create index security_links_expiry on security_links (expires_at);

create table avatars (
	name       text not null,
	size       integer not null,
	account_id text not null,
	media_type text not null,
	image      blob not null,
	primary key (name, size)
) strict;
create index avatars_account on avatars (account_id);

-- Usernames of deleted accounts, which are never given away again, and every address that was ever verified, as keyed digests.
-- account_id is the account that has verified the address; null once several have, or it is deleted.
create table former_identifiers (
	kind       text not null,
	digest     blob not null,
	account_id text,
	at         integer not null,
	primary key (kind, digest)
) strict;
create index former_identifiers_account on former_identifiers (account_id) where account_id is not null;
-- Who else has verified an address, where addresses do not sign in and may be several accounts'.
create index revocations_account on revocations (account_id) where session_id is null;

insert into settings (name, value) values ('schema_fits', '2') on conflict (name) do update set value = excluded.value;
