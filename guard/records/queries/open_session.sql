-- A session that is not there (it was named while the database was away), or the one that has its key.
insert into sessions (tenant_id, id, key, key_version, person, started_at, last_at, state, synthetic)
values (%(tenant_id)s, %(id)s, %(key)s, %(key_version)s, %(person)s, %(at)s, %(at)s, '{}', %(synthetic)s)
on conflict (tenant_id, key) do update set last_at = greatest(sessions.last_at, excluded.last_at)
returning id, version, state
