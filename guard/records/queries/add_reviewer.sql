insert into reviewers (tenant_id, id, name, password_hash, roles)
values (%(tenant_id)s, %(id)s, %(name)s, %(password_hash)s, %(roles)s)
on conflict (tenant_id, name) do nothing
returning id
