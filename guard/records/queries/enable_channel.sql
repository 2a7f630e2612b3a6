update channels c set enabled = true, disabled_reason = null
from (
    select id, disabled_reason as before from channels
    where tenant_id = %(tenant_id)s and name = %(name)s and not enabled for update
) as old
where c.tenant_id = %(tenant_id)s and c.id = old.id
returning c.id, old.before
