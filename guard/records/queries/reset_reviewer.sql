update reviewers set password_hash = %(password_hash)s, password_changed_at = now()
where tenant_id = %(tenant_id)s and name = %(name)s
returning id
