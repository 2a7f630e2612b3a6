-- A sign of the holder, whichever of their pages it came from.
update case_leases
set heartbeat_at = %(now)s, expires_at = greatest(expires_at, %(expires_at)s)
where tenant_id = %(tenant_id)s and case_id = %(case_id)s and reviewer = %(reviewer)s
