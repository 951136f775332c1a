-- +goose Up

-- Programs of the release before write none of these columns, and read past all of them.
-- The factor that is added in the midst of a sign-in: no other one is confirmed by it.
alter table pending_signins add column enrolment text;
-- Of the user agent by which the browser or app is known again that began the sign-in.
alter table pending_signins add column client_digest blob;

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
