-- The spine: tenants, sessions, turns, ledgers, cases, outbox. Rolled back by 0001_spine.rollback.sql.
--
-- tenant_id leads every key. Instants are timestamptz in UTC, the person's zone stands beside them. Ids are UUIDv7.
-- People and sessions are keyed hashes (bytea, 32 bytes) with a key version. Text exists only as encrypted bytea with the
-- id of its data key. What must be unique over time lives in unpartitioned ledgers that hold no personal data.

create table tenants (
    id          uuid primary key,
    name        text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    tag         text not null default '',
    people      text not null default 'none' check (people in ('none', 'hours', 'always')),
    store_text  boolean not null default false,
    off         text[] not null default '{}',       -- signals that this tenant's profile forbids
    deep_link   text,                               -- where reviewers find the conversation in the tenant's own system
    synthetic   boolean not null default false,
    created_at  timestamptz not null default now()
);

create table api_keys (
    tenant_id   uuid not null references tenants,
    id          uuid not null,
    prefix      text not null,                      -- first characters, to recognise a key by
    digest      bytea not null unique check (octet_length(digest) = 32),
    created_at  timestamptz not null default now(),
    revoked_at  timestamptz,
    primary key (tenant_id, id)
);

create table reviewers (
    tenant_id     uuid not null references tenants,
    id            uuid not null,
    name          text not null,
    password_hash text not null,                    -- argon2id
    roles         text[] not null default '{reviewer}',
    totp_secret   bytea,
    created_at    timestamptz not null default now(),
    disabled_at   timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name)
);

create table data_keys (
    tenant_id    uuid not null references tenants,
    id           uuid not null,
    wrapped      bytea,                             -- null once destroyed: what it encrypted is gone
    created_at   timestamptz not null default now(),
    destroyed_at timestamptz,
    primary key (tenant_id, id)
);

-- The vocabulary, as the code of that version declared it. Ids are never reused.
create table signals (
    id         integer primary key,
    name       text not null unique,
    side       text not null check (side in ('user', 'reply', 'session')),
    kind       text not null,
    since      integer not null,
    retired_at timestamptz
);

create table vocabularies (
    version    integer not null,
    side       text not null check (side in ('user', 'reply', 'session')),
    signal_ids integer[] not null,
    primary key (version, side)
);

create table policies (
    tenant_id    uuid not null references tenants,
    hash         text not null,
    name         text not null,
    source       text not null,                     -- canonical YAML of the whole policy, parents included
    first_used_at timestamptz not null default now(),
    primary key (tenant_id, hash)
);

create table sessions (
    tenant_id   uuid not null references tenants,
    id          uuid not null,
    key         bytea not null check (octet_length(key) = 32),
    key_version smallint not null default 1,
    person      bytea check (octet_length(person) = 32),
    zone        text,
    started_at  timestamptz not null,
    last_at     timestamptz not null,
    version     bigint not null default 1,
    state       jsonb not null,
    synthetic   boolean not null default false,
    primary key (tenant_id, id),
    unique (tenant_id, key)
);
create index sessions_person on sessions (tenant_id, person, last_at desc) where person is not null;

-- Ledger: which turn a key is. One row a turn, for ever.
create table turn_keys (
    tenant_id  uuid not null,
    key        bytea not null check (octet_length(key) = 32),
    turn_id    uuid not null,
    turn_at    timestamptz not null,
    session_id uuid,
    thread     bytea check (octet_length(thread) = 32),
    attempts   integer not null default 1,
    synthetic  boolean not null default false,
    primary key (tenant_id, key)
);
create unique index turn_keys_turn on turn_keys (tenant_id, turn_id);
create index turn_keys_thread on turn_keys (tenant_id, thread, turn_at desc) where thread is not null;

-- Ids that were given out while the database was away and whose key turned out to be an earlier turn's.
create table turn_aliases (
    tenant_id uuid not null,
    id        uuid not null,
    turn_id   uuid not null,
    turn_at   timestamptz not null,
    attempt   integer not null,
    primary key (tenant_id, id)
);

-- One row an attempt.
create table turns (
    tenant_id  uuid not null,
    id         uuid not null,
    at         timestamptz not null,
    attempt    smallint not null,
    tried_at   timestamptz not null default now(),
    recorded_at timestamptz not null default now(), -- of the snapshot: an older one never replaces a newer one
    session_id uuid,
    person     bytea,
    key_version smallint not null default 1,
    ordinal    integer not null default 0,
    protocol   text not null,
    streamed   boolean not null,
    replayed   integer not null default 0,
    branch     boolean not null default false,
    synthetic  boolean not null default false,
    status     text not null check (status in ('full', 'degraded', 'bypassed')),
    action     text not null,
    severity   smallint not null check (severity between 0 and 4),
    policy     text not null,
    vocabulary integer not null,
    zone       text,
    unscored   text[] not null default '{}',
    delivered  text not null check (delivered in ('whole', 'part', 'none')),
    rules      jsonb not null default '[]',         -- id, severity, outcome, by
    spoken     jsonb not null default '{}',         -- template, variants, resources; never text
    case_id    uuid,
    text_key   uuid,
    text_user  bytea,
    text_reply bytea,
    primary key (tenant_id, id, attempt, at)
) partition by range (at);
create index turns_session on turns (tenant_id, session_id, at);
create index turns_time on turns (tenant_id, at desc);
create table turns_default partition of turns default;

-- One row a side of an attempt: values by position in the vocabulary, a bitmap of two bits a signal (0 missing, 1 off,
-- 2 lexicon, 3 full), spans and tags apart.
create table scores (
    tenant_id  uuid not null,
    turn_id    uuid not null,
    turn_at    timestamptz not null,
    attempt    smallint not null,
    side       text not null check (side in ('user', 'reply')),
    vocabulary integer not null,
    model      text not null,
    language   text,
    covered    boolean not null,
    values     real[] not null,
    tiers      bytea not null,
    spans      jsonb not null default '{}',
    tags       jsonb not null default '{}',
    primary key (tenant_id, turn_id, attempt, side, turn_at)
) partition by range (turn_at);
create table scores_default partition of scores default;

-- Ledger: a crisis provider's contact details were shown in answer to a person, once a message.
create table referrals (
    tenant_id uuid not null,
    turn_id   uuid not null,
    at        timestamptz not null,
    classes   text[] not null,
    resources text[] not null,
    country   text not null,
    crisis    boolean not null,
    synthetic boolean not null default false,
    primary key (tenant_id, turn_id)
);
create index referrals_time on referrals (tenant_id, at);

-- Ledger: disclosure and break notices that were given.
create table notices (
    tenant_id uuid not null,
    key       bytea not null,
    kind      text not null,
    at        timestamptz not null,
    synthetic boolean not null default false,
    primary key (tenant_id, key)
);

create table cases (
    tenant_id      uuid not null references tenants,
    id             uuid not null,
    case_key       bytea not null check (octet_length(case_key) = 32),
    session_id     uuid,
    person         bytea,
    first_turn     uuid not null,
    last_turn      uuid not null,
    severity       smallint not null check (severity between 0 and 4),
    assigned_to    text not null,                   -- the team that the policy named
    state          text not null default 'open' check (state in ('open', 'notified', 'acknowledged', 'handed_off', 'closed')),
    owner          uuid,
    opened_at      timestamptz not null,
    raised_at      timestamptz not null,
    acknowledge_by timestamptz not null,
    act_by         timestamptz not null,
    acknowledged_at timestamptz,
    closed_at      timestamptz,
    version        bigint not null default 1,
    synthetic      boolean not null default false,
    primary key (tenant_id, id)
);
create unique index cases_one_open on cases (tenant_id, case_key) where state <> 'closed';
create index cases_due on cases (tenant_id, state, acknowledge_by);

-- Every change of a case. ``key`` makes an event happen once whatever is repeated.
create table case_events (
    tenant_id uuid not null,
    case_id   uuid not null,
    id        uuid not null,
    key       text not null,
    kind      text not null,                        -- opened, raised, evidence, notified, acknowledged, ...
    at        timestamptz not null,
    turn_id   uuid,
    severity  smallint not null,
    detail    jsonb not null default '{}',          -- rules and template ids; never text
    primary key (tenant_id, case_id, id),
    unique (tenant_id, case_id, key),
    foreign key (tenant_id, case_id) references cases
);
create index case_events_turn on case_events (tenant_id, turn_id);

-- What is to be told to the outside, written in the transaction of its cause. Payloads are thin: ids and severities.
create table outbox (
    tenant_id    uuid not null,
    id           uuid not null,
    key          text not null,
    topic        text not null,
    payload      jsonb not null,
    created_at   timestamptz not null default now(),
    available_at timestamptz not null default now(),
    relayed_at   timestamptz,
    attempts     integer not null default 0,
    synthetic    boolean not null default false,
    primary key (tenant_id, id),
    unique (tenant_id, key)
);
create index outbox_waiting on outbox (available_at) where relayed_at is null;

create table channels (
    tenant_id       uuid not null references tenants,
    id              uuid not null,
    name            text not null,
    kind            text not null check (kind in ('webhook')),
    url             text not null,
    secret          bytea not null,                 -- encrypted with the master key
    topics          text[] not null default '{case.opened,case.raised,alert.opened}',
    severity_from   smallint not null default 0,
    enabled         boolean not null default true,
    disabled_reason text,
    created_at      timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, name)
);

-- Ledger: one row a message and channel, whatever is retried.
create table deliveries (
    tenant_id   uuid not null,
    outbox_id   uuid not null,
    channel_id  uuid not null,
    state       text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'dead')),
    attempts    integer not null default 0,
    last_status integer,
    last_error  text,                               -- a code, never a body
    next_at     timestamptz not null default now(),
    created_at  timestamptz not null default now(),
    delivered_at timestamptz,
    synthetic   boolean not null default false,
    primary key (tenant_id, outbox_id, channel_id),
    foreign key (tenant_id, outbox_id) references outbox,
    foreign key (tenant_id, channel_id) references channels
);
create index deliveries_due on deliveries (next_at) where state = 'pending';

-- One open alert a kind: an outage is one alarm, never a storm. The nil UUID stands for the whole installation.
create table operational_alerts (
    tenant_id uuid not null,
    id        uuid not null,
    kind      text not null,
    opened_at timestamptz not null default now(),
    last_at   timestamptz not null default now(),
    closed_at timestamptz,
    count     bigint not null default 1,
    primary key (tenant_id, id)
);
create unique index operational_alerts_one_open on operational_alerts (tenant_id, kind) where closed_at is null;

-- Entries of the crash journal that were replayed: each counts once.
create table journal_replays (
    id          uuid primary key,
    replayed_at timestamptz not null default now()
);

create table heartbeats (
    process text not null,
    host    text not null,
    pid     integer not null,
    at      timestamptz not null default now(),
    primary key (process, host, pid)
);

-- Monthly partitions (UTC) of turns and scores around an instant. Safe to call at any time and from several processes at
-- once: rows that had gone to the default partition move to their month in the same transaction.
create function ensure_partitions(around timestamptz) returns void language plpgsql
set timezone = 'UTC' set lock_timeout = '500ms' as $$
declare
    first_day timestamp;
    suffix text;
    parent text;
    clock text;
begin
    perform pg_advisory_xact_lock(hashtext('handrail.partitions'));
    for step in -1..2 loop
        first_day := date_trunc('month', around at time zone 'UTC') + make_interval(months => step);
        suffix := to_char(first_day, 'YYYY_MM');
        foreach parent in array array['turns', 'scores'] loop
            clock := case parent when 'turns' then 'at' else 'turn_at' end;
            continue when to_regclass(format('%I', parent || '_' || suffix)) is not null;
            -- Turns of other months are written meanwhile; who waits here for longer tries again later.
            execute format('lock table %I in access exclusive mode', parent || '_default');
            execute format('create table %I (like %I including defaults including constraints)',
                parent || '_' || suffix, parent);
            execute format(
                'with moved as (delete from %I where %I >= %L::timestamptz and %I < %L::timestamptz returning *) '
                'insert into %I select * from moved',
                parent || '_default', clock, first_day, clock, first_day + interval '1 month', parent || '_' || suffix);
            execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                parent, parent || '_' || suffix, first_day::timestamptz, (first_day + interval '1 month')::timestamptz);
        end loop;
    end loop;
end
$$;

do $$ begin perform ensure_partitions(now()); end $$;
