-- Takes the lease where it is free, over, or this reviewer's own already; their page then keeps its token. No lease holds a case
-- that ``waits`` for somebody to acknowledge it.
insert into case_leases as l (tenant_id, case_id, token, reviewer, claimed_at, heartbeat_at, expires_at)
values (%(tenant_id)s, %(case_id)s, %(token)s, %(reviewer)s, %(now)s, %(now)s, %(expires_at)s)
on conflict (tenant_id, case_id) do update set
    token = case when l.reviewer = excluded.reviewer then l.token else excluded.token end,
    claimed_at = case when l.reviewer = excluded.reviewer then l.claimed_at else excluded.claimed_at end,
    reviewer = excluded.reviewer, heartbeat_at = excluded.heartbeat_at, expires_at = excluded.expires_at
where l.reviewer = excluded.reviewer or l.expires_at <= excluded.claimed_at or %(waits)s
returning l.token, l.expires_at
