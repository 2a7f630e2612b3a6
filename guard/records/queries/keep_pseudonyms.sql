-- No row comes back where another process wrote first: its version is another one than was read.
insert into pseudonyms as p (tenant_id, session, key_id, sealed)
values (%(tenant_id)s, %(session)s, %(key_id)s, %(sealed)s)
on conflict (tenant_id, session) do update
set sealed = excluded.sealed, key_id = excluded.key_id, version = p.version + 1, at = now()
where p.version = %(version)s
returning version
