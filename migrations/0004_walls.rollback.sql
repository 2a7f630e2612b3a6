drop view turn_counts, rule_counts;
drop function audit_append(uuid, text, text, text, json), audit_digest(bytea, uuid, bigint, timestamptz, text, text, text, text);
drop table audit_log, audit_heads, master_keys;
drop function audit_refuse(), audit_head_grows();

do $$
declare
    walled record;
begin
    for walled in select oid::regclass as place from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and relrowsecurity loop
        execute format('drop policy if exists wall on %s', walled.place);
        execute format('alter table %s disable row level security', walled.place);
    end loop;
end
$$;
drop function wall(regclass), walled_tenant();

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

-- The roles may stand in other databases of this server: then they stay.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['handrail_operator', 'handrail_policy_author', 'handrail_reviewer', 'handrail_sre',
                                  'handrail_auditor'] loop
        execute format('revoke all on all tables in schema %I from %I', current_schema(), wanted);
        begin
            execute format('drop role %I', wanted);
        exception when dependent_objects_still_exist or insufficient_privilege then
            null;
        end;
    end loop;
end
$$;

alter table tenants drop column disabled_at;
