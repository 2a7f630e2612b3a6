-- The sessions that these entries change, locked in one order for all writers.
with asked as (
    select * from unnest(%(tenant_id)s::uuid[], %(id)s::uuid[]) as a (tenant_id, id)
)
select s.tenant_id, s.id, s.key, s.version, s.state
from asked a join sessions s on s.tenant_id = a.tenant_id and s.id = a.id
order by s.tenant_id, s.id
for update of s
