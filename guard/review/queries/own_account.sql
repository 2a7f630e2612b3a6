select t.name as tenant, r.password_hash, r.totp_secret, r.totp_pending, r.totp_step, r.password_changed_at, r.created_at,
       (select count(*) from recovery_codes c
        where c.tenant_id = r.tenant_id and c.reviewer_id = r.id and c.used_at is null) as recovery_codes
from reviewers r join tenants t on t.id = r.tenant_id
where r.tenant_id = %(tenant_id)s and r.id = %(id)s
