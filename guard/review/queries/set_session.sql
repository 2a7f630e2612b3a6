update sessions set state = %(state)s::jsonb, version = version + 1
where tenant_id = %(tenant_id)s and id = %(session_id)s and version = %(version)s
returning id
