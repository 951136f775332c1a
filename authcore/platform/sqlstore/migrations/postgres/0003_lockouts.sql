-- +goose Up

-- Failed sign-ins are counted in the rows of locks. Programs of the release before write neither column.
alter table lockouts add column tries text not null default '';
alter table lockouts add column void_at bigint not null default 0;
insert into settings (name, value) values ('schema_fits', '2') on conflict (name) do update set value = excluded.value;
