-- The second wall: what a role may read, and that it reads one tenant's rows alone; and the audit log. Rolled back by
-- 0004_walls.rollback.sql.
-- depends: 0003_turn_session
--
-- The owner of the tables (gateway, worker, commands) is not bound by any of this. The console goes through
-- guard.records.scope: `set local role handrail_<role>` and `set local handrail.tenant`.
--
-- A later migration that makes a table with tenant_id
--   1. calls `select wall('its_name')`: row-level security, and the policy that shows the tenant's rows alone;
--   2. grants each role what it needs, column by column where some hold text, a person's hash, a secret or a note.
-- Without 2 no role sees the table. Partitions are reached through their parent: nobody is granted a partition. A view over
-- such tables is made `with (security_barrier)` and says `where tenant_id = walled_tenant()`.

-- Roles belong to the whole server; other databases on it may have made them already, or be making them now.
do $$
declare
    wanted text;
    mine boolean;
begin
    foreach wanted in array array['handrail_operator', 'handrail_policy_author', 'handrail_reviewer', 'handrail_sre',
                                  'handrail_auditor'] loop
        if exists (select from pg_roles where rolname = wanted and (rolsuper or rolbypassrls)) then
            raise insufficient_privilege using message =
                format('the role %s is there already and stands above row-level security', wanted),
                hint = format('alter role %I nosuperuser nobypassrls', wanted);
        end if;
        begin
            if not exists (select from pg_roles where rolname = wanted) then
                begin
                    execute format('create role %I nologin', wanted);
                exception when duplicate_object or unique_violation then
                    null; -- another database's migration was first
                end;
            end if;
            if current_setting('server_version_num')::integer >= 160000 then
                mine := pg_has_role(current_user, wanted, 'SET');
            else
                mine := pg_has_role(current_user, wanted, 'MEMBER');
            end if;
            if not mine then
                begin
                    if current_setting('server_version_num')::integer >= 160000 then
                        execute format('grant %I to current_user with inherit false, set true', wanted);
                    else
                        execute format('grant %I to current_user', wanted);
                    end if;
                exception when unique_violation then
                    null;
                end;
            end if;
        exception when insufficient_privilege then
            raise insufficient_privilege using message =
                format('the user %s may not make the role %s, or not take it on', current_user, wanted),
                hint = format('as a superuser: alter role %I createrole; or, role by role: create role %I nologin; grant %I to %I',
                              current_user, wanted, wanted, current_user);
        end;
    end loop;
end
$$;

-- Which master key this database belongs to, by a value derived from it. No role reads it.
create table master_keys (
    version     smallint primary key check (version between 1 and 255),
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    first_used_at timestamptz not null default now()
);

alter table tenants add column disabled_at timestamptz; -- its keys open nothing from then on
update reviewers set roles = array_replace(roles, 'policy-author', 'policy_author') where 'policy-author' = any (roles);

-- The tenant whose rows are shown; null, and so none, where none is set. A setting that was once local comes back as ''.
create function walled_tenant() returns uuid language sql stable parallel safe as $$
    select nullif(current_setting('handrail.tenant', true), '')::uuid
$$;

-- Puts the wall around one table with tenant_id; may be called again.
create function wall(target regclass) returns void language plpgsql as $$
declare
    part regclass;
begin
    if not exists (select from pg_attribute where attrelid = target and attname = 'tenant_id' and atttypid = 'uuid'::regtype
                   and attnotnull and not attisdropped) then
        raise exception 'no wall without tenant_id uuid not null: %', target;
    end if;
    execute format('alter table %s enable row level security', target);
    execute format('drop policy if exists wall on %s', target);
    execute format('create policy wall on %s using (tenant_id = walled_tenant()) with check (tenant_id = walled_tenant())', target);
    for part in select relid from pg_partition_tree(target) where level > 0 loop
        execute format('alter table %s enable row level security', part); -- and no policy: not even by itself
    end loop;
end
$$;

-- As in 0001, and a partition is walled from the moment that it is there.
create or replace function ensure_partitions(around timestamptz) returns void language plpgsql
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
            execute format('alter table %I enable row level security', parent || '_' || suffix);
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

-- What was done, by whom, to what: never text. A chain a tenant: each row's hash covers the row before it.
create table audit_log (
    tenant_id uuid not null,
    seq       bigint not null check (seq > 0),      -- from 1, without a gap
    at        timestamptz not null,
    actor     text not null check (char_length(actor) between 1 and 200),     -- cli, reviewer:ID, worker, ...
    action    text not null check (action ~ '^[a-z][a-z_]*(\.[a-z][a-z_]*)*$' and char_length(action) <= 80),
    subject   text not null check (char_length(subject) between 1 and 200),   -- channel:NAME, case:ID, ...
    detail    json not null check (octet_length(detail::text) <= 4096),       -- json keeps the bytes that were hashed
    previous  bytea not null check (octet_length(previous) = 32),             -- zeros before the first row
    hash      bytea not null check (octet_length(hash) = 32),
    primary key (tenant_id, seq)
);
create index audit_log_time on audit_log (tenant_id, at);

-- Where each chain ends: the lock under which it grows, and the witness of rows that are cut off its end.
create table audit_heads (
    tenant_id uuid primary key,
    seq       bigint not null,
    at        timestamptz not null,
    hash      bytea not null check (octet_length(hash) = 32)
);

create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise insufficient_privilege using message = format('%s only grows: %s is refused', tg_table_name, lower(tg_op));
end
$$;
create trigger audit_log_grows before update or delete or truncate on audit_log
    for each statement execute function audit_refuse();
create trigger audit_heads_stay before delete or truncate on audit_heads
    for each statement execute function audit_refuse();
create function audit_head_grows() returns trigger language plpgsql as $$
begin
    if new.tenant_id <> old.tenant_id or new.seq <> old.seq + 1 then
        raise insufficient_privilege using message = 'a head of the audit log goes one row forward at a time';
    end if;
    return new;
end
$$;
create trigger audit_heads_grow before update on audit_heads for each row execute function audit_head_grows();

-- SHA-256 over the hash before and the row's fields as netstrings (length in bytes, colon, bytes, comma), so that no two
-- rows are the same bytes. The instant is in microseconds since 1970. guard.records.audit computes the same by itself.
create function audit_digest(previous bytea, tenant_id uuid, seq bigint, at timestamptz, actor text, action text, subject text,
                             detail text) returns bytea language sql immutable parallel safe as $$
    select sha256(previous || string_agg(
        convert_to(octet_length(convert_to(field, 'UTF8')) || ':', 'UTF8') || convert_to(field, 'UTF8') || '\x2c'::bytea,
        ''::bytea order by place))
    from unnest(array[tenant_id::text, seq::text, trunc(extract(epoch from at) * 1000000)::text, actor, action, subject, detail])
        with ordinality as fields (field, place)
$$;

-- Adds one row under the lock of the chain's head, which is held until the caller's transaction ends. The only way in for
-- the roles, and for them into their own tenant's chain alone.
create function audit_append(of_tenant uuid, who text, what text, about text, more json) returns bigint
language plpgsql security definer as $$
declare
    head audit_heads;
    now_at timestamptz;
    next_hash bytea;
begin
    -- Inside, current_user is the tables' owner: who asks is told by the session and by the role that it has taken on.
    if of_tenant is distinct from walled_tenant() and (
        walled_tenant() is not null
        or current_setting('role') in ('handrail_operator', 'handrail_policy_author', 'handrail_reviewer', 'handrail_sre',
                                       'handrail_auditor')
        or not pg_has_role(session_user, current_user, 'MEMBER')
    ) then
        raise insufficient_privilege using message = 'a row for the audit log of another tenant is refused';
    end if;
    insert into audit_heads values (of_tenant, 0, '-infinity', decode(repeat('00', 32), 'hex')) on conflict do nothing;
    select * into strict head from audit_heads where tenant_id = of_tenant for update;
    now_at := greatest(clock_timestamp(), head.at);
    next_hash := audit_digest(head.hash, of_tenant, head.seq + 1, now_at, who, what, about, more::text);
    insert into audit_log values (of_tenant, head.seq + 1, now_at, who, what, about, more, head.hash, next_hash);
    update audit_heads set seq = head.seq + 1, at = now_at, hash = next_hash where tenant_id = of_tenant;
    return head.seq + 1;
end
$$;
-- Whoever may make temporary tables must not be able to put one in these tables' place.
do $$
begin
    execute format('alter function audit_append(uuid, text, text, text, json) set search_path = pg_catalog, %I, pg_temp',
                   current_schema());
end
$$;
revoke execute on function audit_append(uuid, text, text, text, json) from public;
grant execute on function audit_append(uuid, text, text, text, json)
    to handrail_operator, handrail_policy_author, handrail_reviewer, handrail_sre, handrail_auditor;

do $$
declare
    walled text;
begin
    foreach walled in array array[
        'api_keys', 'audit_heads', 'audit_log', 'case_events', 'cases', 'channels', 'data_keys', 'deliveries', 'notices',
        'operational_alerts', 'outbox', 'policies', 'referrals', 'reviewers', 'scores', 'sessions', 'turn_aliases',
        'turn_keys', 'turns'] loop
        perform wall(walled::regclass);
    end loop;
end
$$;
alter table tenants enable row level security;
create policy wall on tenants using (id = walled_tenant()) with check (id = walled_tenant());

-- What was counted, without anybody in it.
create view turn_counts with (security_barrier) as
    select tenant_id, (at at time zone 'UTC')::date as day, policy, protocol, status, action, severity, delivered, synthetic,
           count(distinct id) as turns, count(*) as attempts
    from turns where tenant_id = walled_tenant()
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9;
create view rule_counts with (security_barrier) as
    select tenant_id, (at at time zone 'UTC')::date as day, policy, rule ->> 'id' as rule, rule ->> 'outcome' as outcome,
           synthetic, count(distinct id) as turns
    from turns cross join lateral jsonb_array_elements(rules) as rule where tenant_id = walled_tenant()
    group by 1, 2, 3, 4, 5, 6;

grant select on signals, vocabularies
    to handrail_operator, handrail_policy_author, handrail_reviewer, handrail_sre, handrail_auditor;
grant select (id, name, tag, people, store_text, off, deep_link, synthetic, created_at, disabled_at) on tenants
    to handrail_operator, handrail_policy_author, handrail_reviewer, handrail_sre, handrail_auditor;

-- Who runs a tenant: its channels, reviewers and keys; cases without the person.
grant update (tag, people, store_text, off, deep_link) on tenants to handrail_operator;
grant select (tenant_id, id, prefix, created_at, revoked_at), insert, update (revoked_at) on api_keys to handrail_operator;
grant select (tenant_id, id, name, roles, created_at, disabled_at), insert,
    update (roles, password_hash, totp_secret, disabled_at) on reviewers to handrail_operator;
grant select (tenant_id, id, name, kind, url, topics, severity_from, enabled, disabled_reason, created_at), insert,
    update (url, secret, topics, severity_from, enabled, disabled_reason) on channels to handrail_operator;
grant select on deliveries, operational_alerts to handrail_operator;
grant select (tenant_id, id, key, topic, created_at, available_at, relayed_at, attempts, synthetic) on outbox
    to handrail_operator;

-- Who writes policies: the policies, and numbers.
grant select on policies, turn_counts, rule_counts to handrail_policy_author;

-- Who judges: cases and all about them. The one role for stored text and the wrapped keys that open it.
grant select on sessions, turns, scores, referrals, notices, cases, case_events, policies, data_keys, deliveries, outbox
    to handrail_reviewer;
grant select (tenant_id, id, name, roles, created_at, disabled_at) on reviewers to handrail_reviewer;
grant select (tenant_id, id, name, kind, topics, severity_from, enabled, disabled_reason, created_at) on channels
    to handrail_reviewer;
grant update (severity, assigned_to, state, owner, raised_at, acknowledge_by, act_by, acknowledged_at, closed_at, version)
    on cases to handrail_reviewer;
grant insert on case_events, outbox to handrail_reviewer;

-- Who keeps it running: that it works, never what was said nor by whom, nor what a reviewer noted.
grant select (tenant_id, id, started_at, last_at, version, synthetic) on sessions to handrail_sre;
grant select (tenant_id, id, at, attempt, tried_at, recorded_at, session_id, ordinal, protocol, streamed, replayed, branch,
    synthetic, status, action, severity, policy, vocabulary, unscored, delivered, rules, case_id) on turns to handrail_sre;
grant select (tenant_id, turn_id, turn_at, attempt, side, vocabulary, model, language, covered) on scores to handrail_sre;
grant select (tenant_id, case_id, id, kind, at, turn_id, severity) on case_events to handrail_sre;
grant select (tenant_id, id, key, topic, created_at, available_at, relayed_at, attempts, synthetic) on outbox to handrail_sre;
grant select (tenant_id, id, name, kind, topics, severity_from, enabled, disabled_reason, created_at) on channels
    to handrail_sre;
grant select on deliveries, operational_alerts, heartbeats, journal_replays, turn_counts, rule_counts to handrail_sre;

-- Who checks: the audit log and the cases' events.
grant select on audit_log, audit_heads, case_events, policies, referrals to handrail_auditor;
grant select (tenant_id, kind, at, synthetic) on notices to handrail_auditor;
grant select (tenant_id, id, name, roles, created_at, disabled_at) on reviewers to handrail_auditor;

-- A case without the person.
grant select (tenant_id, id, session_id, first_turn, last_turn, severity, assigned_to, state, owner, opened_at, raised_at,
    acknowledge_by, act_by, acknowledged_at, closed_at, version, synthetic) on cases
    to handrail_operator, handrail_sre, handrail_auditor;
