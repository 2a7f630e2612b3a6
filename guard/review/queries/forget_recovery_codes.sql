delete from recovery_codes where tenant_id = %(tenant_id)s and reviewer_id = %(reviewer_id)s
