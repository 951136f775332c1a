-- +goose Up

-- The sessions of refresh tokens that do not say whose they are. digest is a MAC of the token; rows of replaced ones stay for as long as
-- these would have lived, so that one that comes back is known. Programs of the release before neither write nor read them.
create table dialect_tokens (
	digest     bytea primary key,
	session_id uuid not null,
	account_id uuid not null,
	expires_at bigint not null
);
create index dialect_tokens_account on dialect_tokens (account_id);
create index dialect_tokens_expires on dialect_tokens (expires_at);

-- The number that the account gets which a sign-up makes, where its answer has said so; null: one is given then.
alter table registrations add column number bigint;

-- The number of the account that an invitation makes, where its answer has said so: one by a dialect in which everybody may invite.
alter table invitations add column number bigint;
create index invitations_address on invitations (address) where used_at is null and address <> '';

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
