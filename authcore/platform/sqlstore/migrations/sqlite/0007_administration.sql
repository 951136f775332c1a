-- +goose Up

-- Programs of the release before write none of these columns, and read past all of them.
-- When the owner was told that the password is of a known breach; null: never, or it was changed since.
alter table users add column breach_told_at integer;

-- Lists of events of everybody, the newest first, by what leads a filter.
drop index events_at;
create index events_at on events (at, id);
create index events_kind on events (kind, at, id);
create index events_session on events (session_id, at, id) where session_id is not null;
create index events_addr on events (addr, at, id) where addr <> '';

-- The gateways on this database, each as it last wrote. view_age and clock_skew are in microseconds.
create table nodes (
	id         text primary key,
	version    text not null,
	state      text not null,
	started_at integer not null,
	seen_at    integer not null,
	view_age   integer not null,
	clock_skew integer not null
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
create index events_actor on events (actor_id, kind, at, id) where actor_id is not null;

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
