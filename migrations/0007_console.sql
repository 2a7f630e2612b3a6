-- How people come into the console: sessions, attempts, recovery codes. Rolled back by 0007_console.rollback.sql.
-- depends: 0006_review
--
-- These tables are the console's own, read before anybody's role is known: no role is granted any of them.

-- Who is signed in. The token itself is in the browser alone.
create table review_sessions (
    tenant_id      uuid not null,
    id             uuid not null,
    reviewer_id    uuid not null,
    digest         bytea not null unique check (octet_length(digest) = 32),   -- SHA-256 of the token
    waits_for_code boolean not null default false,                            -- the password was right, the code is to come
    started_at     timestamptz not null,
    seen_at        timestamptz not null,
    expires_at     timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, reviewer_id) references reviewers on delete cascade
);
create index review_sessions_reviewer on review_sessions (tenant_id, reviewer_id, started_at);
create index review_sessions_over on review_sessions (expires_at);
select wall('review_sessions');

-- How often somebody has tried, per name and per address, both as keyed hashes. One instant a row: when what was tried is
-- paid for. A row whose instant has passed says nothing and is deleted.
create table login_attempts (
    key bytea primary key check (octet_length(key) = 32),
    due timestamptz not null
);
create index login_attempts_due on login_attempts (due);

-- Instead of a one-time code, each once. Argon2id is not needed: they are random.
create table recovery_codes (
    tenant_id   uuid not null,
    reviewer_id uuid not null,
    digest      bytea not null check (octet_length(digest) = 32),             -- HMAC under the tenant's key
    used_at     timestamptz,
    primary key (tenant_id, reviewer_id, digest),
    foreign key (tenant_id, reviewer_id) references reviewers on delete cascade
);
select wall('recovery_codes');

alter table reviewers
    add column totp_step bigint,                -- the last 30-second step whose code was taken: it is taken once
    add column totp_pending bytea,              -- a secret that was shown and not yet confirmed by a code of it
    add column password_changed_at timestamptz;

-- Whoever has a password that is not the present one is signed out: by whichever way it was changed.
create function end_sessions_of_reviewer() returns trigger language plpgsql security definer as $$
begin
    delete from review_sessions where tenant_id = new.tenant_id and reviewer_id = new.id;
    return null;
end
$$;
do $$
begin
    execute format('alter function end_sessions_of_reviewer() set search_path = pg_catalog, %I, pg_temp', current_schema());
end
$$;
create trigger reviewers_password after update of password_hash on reviewers
    for each row when (old.password_hash is distinct from new.password_hash) execute function end_sessions_of_reviewer();
