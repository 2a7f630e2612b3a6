insert into turn_aliases (tenant_id, id, turn_id, turn_at, attempt)
values (%(tenant_id)s, %(id)s, %(turn_id)s, %(at)s, %(attempt)s)
on conflict (tenant_id, id) do nothing
