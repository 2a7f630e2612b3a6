-- The tenant of a key. Its digest is the only thing known here, so it is what leads to the tenant.
select t.id, t.name, t.tag, t.people, t.store_text, t.redact_upstream, t.off, t.screens, t.synthetic
from api_keys k join tenants t on t.id = k.tenant_id
where k.digest = %(digest)s and k.revoked_at is null and t.disabled_at is null
