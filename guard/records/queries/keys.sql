select id, prefix, created_at, revoked_at from api_keys where tenant_id = %(tenant_id)s order by id
