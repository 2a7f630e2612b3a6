insert into feedback_reviews (tenant_id, feedback_id, verdict, reviewer, at)
select %(tenant_id)s, f.id, %(verdict)s, %(reviewer)s, %(now)s
from feedback f
where f.tenant_id = %(tenant_id)s and f.id = %(feedback_id)s
on conflict (tenant_id, feedback_id) do nothing
returning feedback_id
