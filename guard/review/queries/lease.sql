select l.token, l.reviewer, r.name, l.claimed_at, l.expires_at
from case_leases l
left join reviewers r on r.tenant_id = l.tenant_id and r.id = l.reviewer
where l.tenant_id = %(tenant_id)s and l.case_id = %(case_id)s
