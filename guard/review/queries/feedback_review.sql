select f.id, v.verdict, v.reviewer, r.name
from feedback f
left join feedback_reviews v on v.tenant_id = f.tenant_id and v.feedback_id = f.id
left join reviewers r on r.tenant_id = f.tenant_id and r.id = v.reviewer
where f.tenant_id = %(tenant_id)s and f.id = %(feedback_id)s
