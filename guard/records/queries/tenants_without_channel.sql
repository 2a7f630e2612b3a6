-- Tenants whose people nothing would tell of a case: no channel that is on takes cases.
select t.name
from tenants t
where t.people <> 'none' and not t.synthetic and t.disabled_at is null and not exists (
    select from channels c
    where c.tenant_id = t.id and c.enabled and c.topics && array['case.opened', 'case.raised']
)
order by t.name
