select 1 from case_events where tenant_id = %(tenant_id)s and case_id = %(case_id)s and key = %(key)s
