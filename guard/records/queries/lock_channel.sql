select from channels where tenant_id = %(tenant_id)s and name = %(name)s for update
