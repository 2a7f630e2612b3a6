-- Every chain there is, with its tenant's name and its head: a chain may have lost either. The rows are skipped through, one
-- tenant at a time.
with recursive logged (tenant_id) as (
    (select tenant_id from audit_log order by tenant_id limit 1)
    union all
    select (select l.tenant_id from audit_log l where l.tenant_id > logged.tenant_id order by l.tenant_id limit 1)
    from logged where logged.tenant_id is not null
)
select coalesce(t.id, c.tenant_id) as tenant_id, t.name, h.seq, h.hash, h.at
from (
    select tenant_id from logged where tenant_id is not null union select tenant_id from audit_heads
) c
full join tenants t on t.id = c.tenant_id
left join audit_heads h on h.tenant_id = c.tenant_id
where coalesce(t.id, c.tenant_id) = %(only)s or %(only)s::uuid is null
order by t.name nulls last, tenant_id
