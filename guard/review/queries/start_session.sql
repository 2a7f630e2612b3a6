insert into review_sessions (tenant_id, id, reviewer_id, digest, waits_for_code, started_at, seen_at, expires_at)
values (%(tenant_id)s, %(id)s, %(reviewer_id)s, %(digest)s, %(waits_for_code)s, %(now)s, %(now)s, %(expires_at)s)
