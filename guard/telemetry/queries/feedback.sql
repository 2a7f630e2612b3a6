-- What users said of replies in the last 30 days, and whether a reviewer has looked at it.
select f.kind, case when r.feedback_id is null then 'waiting' else 'reviewed' end as state, count(*)::bigint as items
from tenants t
join feedback f on f.tenant_id = t.id and f.id >= %(month)s and not f.synthetic
left join feedback_reviews r on r.tenant_id = f.tenant_id and r.feedback_id = f.id
group by 1, 2
