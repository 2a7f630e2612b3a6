insert into case_events (tenant_id, case_id, id, key, kind, at, severity, detail)
values (%(tenant_id)s, %(case_id)s, %(id)s, %(key)s, %(kind)s, %(at)s, %(severity)s, %(detail)s::jsonb)
on conflict (tenant_id, case_id, key) do nothing
returning id
