update reviewers set password_hash = %(password_hash)s, password_changed_at = coalesce(%(now)s, password_changed_at)
where tenant_id = %(tenant_id)s and id = %(id)s
