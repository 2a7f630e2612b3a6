update reviewers set disabled_at = now()
where tenant_id = %(tenant_id)s and name = %(name)s and disabled_at is null
returning id
