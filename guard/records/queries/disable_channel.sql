update channels set enabled = false, disabled_reason = %(reason)s
where tenant_id = %(tenant_id)s and name = %(name)s and enabled
returning id
