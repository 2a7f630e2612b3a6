-- Second opinions: what a language model that an operator has chosen says of turns in a grey zone, beside the scores and never
-- in place of them. Rolled back by 0008_opinions.rollback.sql.
-- depends: 0007_console

-- Since when a tenant's text may go to the endpoint that is set: what was said before never does. Null: it may not.
alter table tenants add column opinion_since timestamptz;

-- One row a turn, side, rubric and model. Labels are words and numbers of the rubric; no text of anybody's is here.
create table opinions (
    tenant_id  uuid not null references tenants,
    id         uuid not null,
    turn_id    uuid not null,
    turn_at    timestamptz not null,
    attempt    smallint not null,                  -- of the turn, whose words are asked about
    side       text not null check (side in ('user', 'reply')),
    rubric     text not null,                      -- its name and digest
    model      text not null check (char_length(model) between 1 and 200),
    why        text not null check (why in ('near', 'tiers')),
    draw       real not null check (draw >= 0 and draw <= 1), -- the lowest are asked about first
    state      text not null default 'waiting' check (state in ('waiting', 'asked', 'answered', 'refused', 'failed')),
    reason     text check (reason ~ '^[a-z][a-z0-9_]*$' and char_length(reason) <= 40),
    labels     jsonb,
    cut        boolean not null default false,     -- the text was longer than what is sent
    attempts   integer not null default 0,
    seconds    real,
    next_at    timestamptz not null default now(),
    created_at timestamptz not null default now(),
    asked_at   timestamptz,                        -- when it was taken into the day's number
    ended_at   timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, turn_id, side, rubric, model),
    check ((state = 'answered') = (labels is not null)),
    check (state <> 'failed' or reason is not null),
    check ((state = 'waiting') = (asked_at is null))
);
create index opinions_waiting on opinions (tenant_id, draw) where state = 'waiting';
create index opinions_due on opinions (attempts, next_at) where state = 'asked';
create index opinions_day on opinions (tenant_id, asked_at);
create index opinions_turn_at on opinions (turn_at);

-- Up to which turn a tenant's have been looked at.
create table opinion_cursors (
    tenant_id uuid primary key references tenants,
    at        timestamptz not null,
    turn_id   uuid not null
);

-- How the endpoint has answered of late, for the whole installation: while it is open nobody asks.
create table opinion_endpoints (
    endpoint   bytea primary key check (octet_length(endpoint) = 32),
    failures   integer not null default 0,
    open_until timestamptz not null default '-infinity',
    last_error text check (last_error ~ '^[a-z][a-z0-9_]*$' and char_length(last_error) <= 40),
    at         timestamptz not null default now()
);

-- An opinion goes with its turn. Partitions of turns that are dropped whole tell nobody: the worker looks for those.
create function forget_opinions() returns trigger language plpgsql as $$
begin
    delete from opinions o using gone g
    where o.tenant_id = g.tenant_id and o.turn_id = g.id
        and not exists (select from turns t where t.tenant_id = g.tenant_id and t.id = g.id and t.at = g.at);
    return null;
end
$$;
create trigger turns_opinions after delete on turns referencing old table as gone
    for each statement execute function forget_opinions();

select wall('opinions');
select wall('opinion_cursors');

grant select (opinion_since) on tenants
    to handrail_operator, handrail_policy_author, handrail_reviewer, handrail_sre, handrail_auditor;
grant update (opinion_since) on tenants to handrail_operator;
grant select on opinions to handrail_reviewer;
-- That it works, not what it says of anybody.
grant select (tenant_id, id, turn_id, turn_at, attempt, side, rubric, model, why, state, reason, cut, attempts, seconds, next_at,
    created_at, asked_at, ended_at) on opinions to handrail_operator, handrail_sre, handrail_auditor;
grant select on opinion_endpoints to handrail_operator, handrail_sre;
