-- The session of a case, locked before the case: the writers of turns lock in this order too.
select s.id, s.version, s.state
from cases c
join sessions s on s.tenant_id = c.tenant_id and s.id = c.session_id
where c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
for update of s
