-- Pseudonyms: whether a tenant's messages go upstream with them, and which ones a session has. Rolled back by
-- 0009_pseudonyms.rollback.sql.
-- depends: 0008_opinions

-- off; on: where the search for names does not answer, what has a form is replaced all the same; strict: then nothing goes.
alter table tenants add column redact_upstream text not null default 'off' check (redact_upstream in ('off', 'on', 'strict'));
grant select (redact_upstream) on tenants
    to handrail_operator, handrail_policy_author, handrail_reviewer, handrail_sre, handrail_auditor;
grant update (redact_upstream) on tenants to handrail_operator;

-- A session's pseudonyms, encrypted with the tenant's data key as text is. What they stand for is in it only where the tenant
-- stores text; elsewhere keyed hashes are. No role is granted it.
create table pseudonyms (
    tenant_id uuid not null references tenants,
    session   bytea not null check (octet_length(session) = 32),   -- sessions.key; the session's own row may come later
    version   bigint not null default 1,
    key_id    uuid not null,
    sealed    bytea not null,
    at        timestamptz not null default now(),
    primary key (tenant_id, session),
    foreign key (tenant_id, key_id) references data_keys
);
create index pseudonyms_key on pseudonyms (tenant_id, key_id);
select wall('pseudonyms');

-- They end with their session, by whichever way it ends.
create function end_pseudonyms_of_session() returns trigger language plpgsql security definer as $$
begin
    delete from pseudonyms where tenant_id = old.tenant_id and session = old.key;
    return null;
end
$$;
do $$
begin
    execute format('alter function end_pseudonyms_of_session() set search_path = pg_catalog, %I, pg_temp', current_schema());
end
$$;
create trigger sessions_pseudonyms after delete on sessions for each row execute function end_pseudonyms_of_session();
