update case_leases
set heartbeat_at = %(now)s, expires_at = greatest(expires_at, %(expires_at)s)
where tenant_id = %(tenant_id)s and case_id = %(case_id)s and token = %(token)s and reviewer = %(reviewer)s
returning expires_at
