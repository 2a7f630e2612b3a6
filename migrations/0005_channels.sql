-- Channels of several kinds on rungs of a ladder, secrets that are rotated, messages that another channel takes over, and
-- deliveries that are made again. Rolled back by 0005_channels.rollback.sql.
-- depends: 0004_walls

alter table channels
    add column rung smallint not null default 1 check (rung between 1 and 9), -- 1 is told first, the others if nobody answers
    add column previous_secret bytea,               -- signs beside the new one until ``previous_until``
    add column previous_until timestamptz,
    alter column secret drop not null,              -- e-mail is not signed
    drop constraint channels_kind_check,
    add constraint channels_kind_check check (kind in ('webhook', 'email')),
    add constraint channels_secret_check check (kind <> 'webhook' or secret is not null),
    add constraint channels_previous_check check ((previous_secret is null) = (previous_until is null));

alter table deliveries
    add column spent integer not null default 0,    -- attempts that were used up before the last replay
    add column instead_of uuid;                     -- the channel that did not take the message
create index deliveries_given_up on deliveries (tenant_id, created_at) where state in ('failed', 'dead');

-- How far up the ladder a case that waits has been told, and when to look again. Null: not looked at yet.
alter table cases
    add column rung smallint not null default 1,
    add column next_rung_at timestamptz;
create index cases_ladder on cases (next_rung_at nulls first)
    where severity >= 2 and (state in ('open', 'notified') or (state = 'handed_off' and owner is null));
create index cases_expiring on cases (act_by) where state in ('open', 'notified') and severity < 2;

grant select (rung) on channels to handrail_operator, handrail_reviewer, handrail_sre;
grant select (previous_until) on channels to handrail_operator, handrail_sre;
grant update (rung, previous_secret, previous_until) on channels to handrail_operator;
grant select (rung, next_rung_at) on cases to handrail_operator, handrail_sre, handrail_auditor;
