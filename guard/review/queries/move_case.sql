update cases
set state = %(state)s, owner = %(owner)s, acknowledged_at = %(acknowledged_at)s, closed_at = %(closed_at)s,
    version = version + 1
where tenant_id = %(tenant_id)s and id = %(case_id)s
returning version
