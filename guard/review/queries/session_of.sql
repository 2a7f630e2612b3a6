-- A session in force, and whose it is. It is used by being asked for, if :used, and written only where that is old.
with found as (
    select s.tenant_id, s.id, s.reviewer_id, s.waits_for_code, s.seen_at, r.name, r.roles
    from review_sessions s
    join reviewers r on r.tenant_id = s.tenant_id and r.id = s.reviewer_id and r.disabled_at is null
    join tenants t on t.id = s.tenant_id and t.disabled_at is null
    where s.digest = %(digest)s and s.expires_at > %(now)s and s.seen_at > %(idle_since)s
), touched as (
    update review_sessions s set seen_at = %(now)s
    from found f
    where s.tenant_id = f.tenant_id and s.id = f.id and f.seen_at < %(stale)s and %(used)s
)
select * from found
