-- A page of the open cases: breached deadlines first, then the highest severity, then what is due first. ``as_of`` is the
-- instant of the first page, so that the order stays while somebody reads on.
with due as (
    select c.id, c.session_id, c.severity, c.state, c.owner, c.assigned_to, c.opened_at, c.raised_at, d.due,
        d.due < %(as_of)s as breached
    from cases c
    cross join lateral (
        select case when c.state in ('open', 'notified') then c.acknowledge_by else c.act_by end as due
    ) d
    where c.tenant_id = %(tenant_id)s and c.state <> 'closed' and c.state = any (%(states)s::text[])
        and c.severity >= %(severity)s
        and (%(mine)s::uuid is null or c.owner = %(mine)s)
), page as (
    select * from due
    where %(after_id)s::uuid is null
        or ((not breached)::integer, -severity, due, id)
            > ((not %(after_breached)s::boolean)::integer, -%(after_severity)s::smallint, %(after_due)s::timestamptz,
               %(after_id)s::uuid)
    order by breached desc, severity desc, due, id
    limit %(limit)s
)
select p.*, e.detail -> 'rules' as rules, o.name as owner_name, l.reviewer as holder, h.name as holder_name, l.expires_at,
    s.last_at, null::text as disposition, null::timestamptz as closed_at
from page p
left join case_leases l on l.tenant_id = %(tenant_id)s and l.case_id = p.id and l.expires_at > %(now)s
    and p.state = 'acknowledged'
left join reviewers h on h.tenant_id = %(tenant_id)s and h.id = l.reviewer
left join reviewers o on o.tenant_id = %(tenant_id)s and o.id = p.owner
left join sessions s on s.tenant_id = %(tenant_id)s and s.id = p.session_id
left join lateral (
    select e.detail from case_events e
    where e.tenant_id = %(tenant_id)s and e.case_id = p.id and e.kind in ('opened', 'raised', 'evidence')
    order by e.severity desc, e.id desc
    limit 1
) e on true
order by p.breached desc, p.severity desc, p.due, p.id
