delete from channels where tenant_id = %(tenant_id)s and id = %(id)s
