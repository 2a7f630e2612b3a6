update reviewers set disabled_at = null
where tenant_id = %(tenant_id)s and name = %(name)s and disabled_at is not null
returning id
