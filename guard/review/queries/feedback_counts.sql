select f.kind, count(*) as items
from feedback f
where f.tenant_id = %(tenant_id)s and not exists (
    select from feedback_reviews v where v.tenant_id = f.tenant_id and v.feedback_id = f.id
)
group by f.kind
