select id, started_at, seen_at from review_sessions
where tenant_id = %(tenant_id)s and reviewer_id = %(reviewer_id)s and not waits_for_code
  and expires_at > %(now)s and seen_at > %(idle_since)s
order by seen_at desc
