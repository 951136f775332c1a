-- +goose Up

-- Programs of the release before write none of these columns, and read past all of them.
-- When the owner was told that the password is of a known breach; null: never, or it was changed since.
alter table users add column breach_told_at integer;
-- Since when an administrator has sign-ins of the account ask for a second factor; null: they do not.
alter table users add column mfa_demanded_at integer;
-- When an administrator has put the present address or number in place of the owner's; null: nobody has.
alter table users add column email_set_at integer;
alter table users add column phone_set_at integer;

-- Lists of events of everybody, the newest first, by what leads a filter.
drop index events_at;
create index events_at on events (at, id);
create index events_kind on events (kind, at, id);
create index events_session on events (session_id, at, id) where session_id is not null;
create index events_addr on events (addr, at, id) where addr <> '';
create index events_failed on events (at, id, result) where result <> 'success';

-- The gateways on this database, each as it last wrote. view_age and clock_skew are in microseconds.
create table nodes (
	id         text primary key,
	version    text not null,
	state      text not null,
	started_at integer not null,
	seen_at    integer not null,
	view_age   integer not null,
	clock_skew integer not null,
	settings_version integer not null
) strict;
create index nodes_seen on nodes (seen_at);

-- What happened in each hour. result and method are '' where a name has none.
create table stats (
	hour   integer not null,
	name   text not null,
	result text not null,
	method text not null,
	n      integer not null,
	primary key (hour, name, result, method)
) strict;

-- What administrators have set while the gateway runs. changed_by is null for whoever runs the gateway.
create table runtime_settings (
	name       text primary key,
	value      text not null,
	changed_at integer not null,
	changed_by text,
	reason     text not null
) strict;

-- Every change of them. None is removed: versions count on, and most, the greater number of the two values, tells how long tokens may
-- live that are out.
create table runtime_setting_changes (
	version    integer primary key,
	name       text not null,
	from_value text not null,
	to_value   text not null,
	most       integer not null,
	reset      integer not null,
	changed_at integer not null,
	changed_by text,
	reason     text not null
) strict;
create index runtime_setting_changes_name on runtime_setting_changes (name, version);

-- What one node at a time does, and until when it is somebody's turn.
create table leases (
	name  text primary key,
	until integer not null
) strict;

-- Who did it, where that is somebody else than the account's owner, and by what; '' is the owner.
alter table events add column actor_id text;
alter table events add column actor_via text not null default '';
-- What an administrator has changed, as JSON; '' is nothing.
alter table events add column details text not null default '';
create index events_actor_at on events (actor_id, at, id) where actor_id is not null;
create index events_actor on events (actor_id, kind, at, id) where actor_id is not null;

-- What machines are known by in place of an id: in the order in which accounts were made, and never given again. The last one stands in
-- settings: there it outlives the account that has it.
alter table users add column number integer;
create temporary table places as select id, row_number() over (order by created_at, id) as place from users;
create index temp.places_id on places (id);
update users set number = (select place from places where places.id = users.id);
drop table places;
insert into settings (name, value) select 'last_users_number', cast(coalesce(max(number), 0) as text) from users;
-- +goose StatementBegin
create trigger users_number after insert on users when new.number is null
begin
	update settings set value = cast(cast(value as integer) + 1 as text) where name = 'last_users_number';
	update users set number = (select cast(value as integer) from settings where name = 'last_users_number') where id = new.id;
end;
-- +goose StatementEnd
create unique index users_number on users (number);
-- person or service.
alter table users add column kind text not null default 'person';
-- Why an administrator keeps the owner out; null: nothing is said, or the account is enabled.
alter table users add column disabled_reason text;
alter table users add column last_sign_in_at integer;

-- What leads a list of accounts. The order is that of the list, or that of the addresses; what follows the id is tested of many rows.
create index users_username on users (username, id) where username <> '';
create index users_phone on users (phone, id) where phone <> '';
create index users_first_name on users (lower(first_name), id) where first_name <> '';
create index users_last_name on users (lower(last_name), id) where last_name <> '';
create index users_address on users (email, id, created_at);
create index users_having_roles on users (created_at, id, roles) where roles <> '[]';
create index users_disabled on users (created_at, id) where disabled_at is not null;
create index users_services on users (created_at, id) where kind <> 'person';
create index users_having_roles_address on users (email, id, roles) where roles <> '[]';
create index users_disabled_address on users (email, id) where disabled_at is not null;
create index users_services_address on users (email, id) where kind <> 'person';
drop index users_invited;
create index users_invited on users (invited_by, created_at, id) where invited_by is not null;
create index users_invited_address on users (invited_by, email, id) where invited_by is not null;
-- Whether there is another administrator is asked of every change that takes one away.
create index users_admins on users (id) where roles like '%"admin"%';

-- What leads a list of invitations that are open or have expired.
create index invitations_open on invitations (id) where used_at is null and revoked_at is null;

-- Lists of sessions of everybody, the newest first, by what leads a filter. A refresh changes nothing that these know.
drop index sessions_account;
create index sessions_account on sessions (account_id, created_at, id);
create index sessions_created on sessions (created_at, id) where revoked_at is null;
create index sessions_host on sessions (substr(host, instr(host, '://') + 3), created_at, id) where revoked_at is null and host is not null;

-- Block rules that were added while a gateway runs. acts are words apart by spaces; created_by is null for nobody's account; expires_at is
-- null for never. How often they have changed stands in settings.
create table blocks (
	id         text primary key,
	kind       text not null,
	pattern    text not null,
	acts       text not null,
	reason     text not null,
	source     text not null,
	created_at integer not null,
	created_by text,
	expires_at integer
) strict;
create index blocks_expiring on blocks (expires_at) where expires_at is not null;
create index blocks_created_by on blocks (created_by) where created_by is not null;
create index blocks_trapped on blocks (pattern) where source = 'trap';

-- How often rules have matched, those of the configuration too.
create table block_hits (
	rule_id     text primary key,
	hits        integer not null,
	last_hit_at integer not null
) strict;
create index block_hits_last on block_hits (last_hit_at);

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
