-- Whoever has this name, in whichever state of knowing: no row without the tenant, an id of null without the reviewer.
select t.id as tenant_id, t.name as tenant, r.id, r.name, r.password_hash, r.totp_secret is not null as has_totp
from tenants t
left join reviewers r on r.tenant_id = t.id and r.name = %(name)s and r.disabled_at is null
where t.name = %(tenant)s and t.disabled_at is null
