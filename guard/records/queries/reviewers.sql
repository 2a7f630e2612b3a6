select id, name, roles, created_at, disabled_at from reviewers where tenant_id = %(tenant_id)s order by name
