-- Cases that wait for somebody and whose next rung is due: those that nobody has acknowledged, those that were handed off, to
-- somebody or back to all, and that nobody has taken since, and from severity 3 on those that were taken and ``abandoned``: their
-- deadline to act is over, and so is the lease of who took them. ``live``: the person said something in the last quarter of an
-- hour. ``heard``: somebody is there to be told. A null ``next_rung_at`` has not been looked at; infinity: no step follows.
select c.tenant_id, c.id, c.severity, c.rung, now() as now, c.state = 'acknowledged' as abandoned,
    case c.state
        when 'acknowledged' then greatest(c.act_by, l.expires_at)
        when 'handed_off' then greatest(c.raised_at, (
            select max(e.at) from case_events e
            where e.tenant_id = c.tenant_id and e.case_id = c.id and e.kind = 'handed_off'
        ))
        else c.raised_at
    end as since,
    coalesce(s.last_at, c.raised_at) > now() - interval '15 minutes' as live,
    t.people <> 'none' or exists (select from channels x where x.tenant_id = c.tenant_id and x.enabled) as heard
from cases c
join tenants t on t.id = c.tenant_id
left join sessions s on s.tenant_id = c.tenant_id and s.id = c.session_id
left join case_leases l on l.tenant_id = c.tenant_id and l.case_id = c.id
where c.severity >= 2 and c.state <> 'closed'
    and (c.state <> 'acknowledged' or (c.severity >= 3 and greatest(c.act_by, l.expires_at) <= now()))
    and not c.synthetic
    and (c.next_rung_at is null or c.next_rung_at <= now())
order by c.severity desc, c.next_rung_at nulls first
limit %(batch)s
for update of c skip locked
