-- +goose Up

-- A branch is a session of a host of its own (its origin in `host`), opened by a hand-over from the root `parent_id`.
-- No reference: the root's row may go first. Null for every session of a sign-in, and for those of older programs.
alter table sessions add column parent_id uuid;
alter table sessions add column host text;
