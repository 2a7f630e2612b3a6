-- Whose password was right and whose one-time code is to come.
select s.tenant_id, s.id, s.reviewer_id, r.name, r.totp_secret, r.totp_step
from review_sessions s
join reviewers r on r.tenant_id = s.tenant_id and r.id = s.reviewer_id and r.disabled_at is null
join tenants t on t.id = s.tenant_id and t.disabled_at is null
where s.digest = %(digest)s and s.waits_for_code and s.expires_at > %(now)s
