update reviewers set password_hash = %(password_hash)s, disabled_at = null
where tenant_id = %(tenant_id)s and name = %(name)s
returning id
