-- What a hash in a turn stands for.
insert into policies (tenant_id, hash, name, source) values (%(tenant_id)s, %(hash)s, %(name)s, %(source)s)
on conflict (tenant_id, hash) do nothing
