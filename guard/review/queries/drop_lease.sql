delete from case_leases where tenant_id = %(tenant_id)s and case_id = %(case_id)s
