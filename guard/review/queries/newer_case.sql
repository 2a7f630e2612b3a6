select id from cases
where tenant_id = %(tenant_id)s and case_key = %(case_key)s and state <> 'closed' and id <> %(case_id)s
