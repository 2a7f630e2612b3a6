with old as (
    select id, totp_secret is not null as had_one from reviewers
    where tenant_id = %(tenant_id)s and name = %(name)s for update
), codes as (
    delete from recovery_codes c using old where c.tenant_id = %(tenant_id)s and c.reviewer_id = old.id
)
update reviewers r set totp_secret = null, totp_pending = null, totp_step = null
from old where r.tenant_id = %(tenant_id)s and r.id = old.id
returning r.id, old.had_one
