update reviewers r set roles = %(roles)s
from (select id, roles from reviewers where tenant_id = %(tenant_id)s and name = %(name)s for update) as old
where r.tenant_id = %(tenant_id)s and r.id = old.id
returning r.id, old.roles as before
