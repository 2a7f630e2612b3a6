select audit_append(%(tenant_id)s::uuid, %(actor)s, %(action)s, %(subject)s, %(detail)s::json)
