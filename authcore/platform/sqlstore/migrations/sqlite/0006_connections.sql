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

insert into settings (name, value) values ('schema_fits', '4') on conflict (name) do update set value = excluded.value;
