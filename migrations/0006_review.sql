-- What people do with cases: leases, dispositions, notes, reveals; and what users of a chatbot say of a reply. Rolled back by
-- 0006_review.rollback.sql.
-- depends: 0005_channels

-- Who works on a case now. One row a case; it frees the case when it expires, and no process has to notice.
create table case_leases (
    tenant_id    uuid not null,
    case_id      uuid not null,
    token        uuid not null,
    reviewer     uuid not null,
    claimed_at   timestamptz not null,
    heartbeat_at timestamptz not null,
    expires_at   timestamptz not null,
    primary key (tenant_id, case_id),
    foreign key (tenant_id, case_id) references cases
);
create index case_leases_reviewer on case_leases (tenant_id, reviewer);

-- What a person decided. An undo is a row of its own that names what it undoes, and happens once.
create table dispositions (
    tenant_id uuid not null,
    id        uuid not null,
    case_id   uuid not null,
    kind      text not null check (kind in (
        'true_crisis', 'true_distress', 'in_care', 'false_positive', 'third_party', 'not_reached', 'cannot_tell', 'undo'
    )),
    undoes    uuid,
    reviewer  uuid not null,
    at        timestamptz not null,
    severity  smallint not null check (severity between 0 and 4),
    synthetic boolean not null default false,
    primary key (tenant_id, id),
    check ((kind = 'undo') = (undoes is not null)),
    foreign key (tenant_id, case_id) references cases,
    foreign key (tenant_id, undoes) references dispositions
);
create index dispositions_case on dispositions (tenant_id, case_id, id);
create unique index dispositions_undone_once on dispositions (tenant_id, undoes) where undoes is not null;

-- Notes of reviewers, encrypted with the tenant's data key as text is: destroying the key destroys them too.
create table case_notes (
    tenant_id uuid not null,
    id        uuid not null,
    case_id   uuid not null,
    reviewer  uuid not null,
    at        timestamptz not null,
    key_id    uuid not null,
    note      bytea not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, case_id) references cases,
    foreign key (tenant_id, key_id) references data_keys
);
create index case_notes_case on case_notes (tenant_id, case_id, id);

-- What a user said of a turn, one row a turn and kind. The note only where the tenant stores text, encrypted as text is.
create table feedback (
    tenant_id   uuid not null references tenants,
    id          uuid not null,
    turn_id     uuid not null,
    session_id  uuid,
    kind        text not null check (kind in ('harmful', 'unwanted', 'missed', 'helpful')),
    at          timestamptz not null,
    key_id      uuid,
    note        bytea,
    synthetic   boolean not null default false,
    primary key (tenant_id, id),
    unique (tenant_id, turn_id, kind),
    check ((note is null) = (key_id is null)),
    foreign key (tenant_id, key_id) references data_keys
);
create index feedback_queue on feedback (tenant_id, id);

-- What a reviewer made of feedback, once an item.
create table feedback_reviews (
    tenant_id   uuid not null,
    feedback_id uuid not null,
    verdict     text not null check (verdict in ('seen', 'harm', 'no_harm', 'cannot_tell')),
    reviewer    uuid not null,
    at          timestamptz not null,
    primary key (tenant_id, feedback_id),
    foreign key (tenant_id, feedback_id) references feedback
);

-- Every time that a person was shown what was said.
create table reveals (
    tenant_id   uuid not null,
    id          uuid not null,
    case_id     uuid,
    feedback_id uuid,
    turn_id     uuid not null,
    attempt     smallint,                          -- null where the turn itself was not on record any more
    reviewer    uuid not null,
    at          timestamptz not null,
    primary key (tenant_id, id),
    check (num_nonnulls(case_id, feedback_id) = 1),
    foreign key (tenant_id, case_id) references cases,
    foreign key (tenant_id, feedback_id) references feedback
);
create index reveals_case on reveals (tenant_id, case_id, id) where case_id is not null;

-- What was decided stays as it was decided. Whole rows may go with a tenant, none is changed.
create function review_unchanged() returns trigger language plpgsql as $$
begin
    raise exception '% is never updated: write a row that undoes it', tg_table_name;
end
$$;
create trigger dispositions_unchanged before update on dispositions for each row execute function review_unchanged();
create trigger case_notes_unchanged before update on case_notes for each row execute function review_unchanged();
create trigger reveals_unchanged before update on reveals for each row execute function review_unchanged();
create trigger feedback_reviews_unchanged before update on feedback_reviews for each row execute function review_unchanged();

-- The queue: what is open, by what is due next; what is closed, the latest first.
create index cases_queue on cases (
    tenant_id, severity desc, (case when state in ('open', 'notified') then acknowledge_by else act_by end), id
) where state <> 'closed';
create index cases_closed on cases (tenant_id, closed_at desc, id desc) where state = 'closed';
create index cases_owner on cases (tenant_id, owner) where state <> 'closed';

do $$
declare
    walled text;
begin
    foreach walled in array array[
        'case_leases', 'dispositions', 'case_notes', 'reveals', 'feedback', 'feedback_reviews'] loop
        perform wall(walled::regclass);
    end loop;
end
$$;

grant select, insert, update, delete on case_leases to handrail_reviewer;
grant select, insert on dispositions, case_notes, reveals, feedback_reviews to handrail_reviewer;
grant select on feedback to handrail_reviewer;
-- A disposition takes a session out of crisis; a note needs a data key where the tenant has none yet.
grant update (state, version) on sessions to handrail_reviewer;
grant insert on data_keys to handrail_reviewer;
grant update (rung, next_rung_at) on cases to handrail_reviewer; -- who hands a case off starts its ladder anew

-- Who checks sees who did what and when: no text, no note, no person.
grant select on case_leases, dispositions, reveals, feedback_reviews to handrail_auditor;
grant select (tenant_id, id, case_id, reviewer, at) on case_notes to handrail_auditor;
grant select (tenant_id, id, turn_id, session_id, kind, at, synthetic) on feedback to handrail_auditor;
grant select (tenant_id, id, started_at, last_at) on sessions to handrail_auditor;
grant select (tenant_id, id, case_id, kind, undoes, at, severity, synthetic) on dispositions to handrail_operator, handrail_sre;
grant select (tenant_id, id, kind, at, synthetic) on feedback to handrail_operator, handrail_sre;
