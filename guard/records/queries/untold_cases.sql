-- Open cases of severity 3 and above that no channel told anybody of at that severity, and that are older than a minute
-- (until then the worker is on its way). One row a tenant.
select t.name as tenant, t.people <> 'none' as people, count(*)::integer as cases, min(c.raised_at) as oldest
from cases c
join tenants t on t.id = c.tenant_id
where c.state in ('open', 'notified') and c.severity >= 3 and not c.synthetic and not t.synthetic
    and c.raised_at < now() - interval '1 minute'
    and not exists (
        select from case_events e
        where e.tenant_id = c.tenant_id and e.case_id = c.id and e.kind = 'notified' and e.severity >= c.severity
    )
group by t.name, t.people
order by t.name
