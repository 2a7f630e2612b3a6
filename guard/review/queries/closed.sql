-- A page of the closed cases, the latest first.
with page as (
    select c.id, c.session_id, c.severity, c.state, c.owner, c.assigned_to, c.opened_at, c.raised_at, c.act_by as due,
        false as breached, c.closed_at
    from cases c
    where c.tenant_id = %(tenant_id)s and c.state = 'closed' and c.severity >= %(severity)s
        and (%(mine)s::uuid is null or c.owner = %(mine)s)
        and (%(after_id)s::uuid is null or (c.closed_at, c.id) < (%(after_due)s::timestamptz, %(after_id)s::uuid))
    order by c.closed_at desc, c.id desc
    limit %(limit)s
)
select p.*, e.detail -> 'rules' as rules, o.name as owner_name, null::uuid as holder, null::text as holder_name,
    null::timestamptz as expires_at, s.last_at, d.kind as disposition
from page p
left join reviewers o on o.tenant_id = %(tenant_id)s and o.id = p.owner
left join sessions s on s.tenant_id = %(tenant_id)s and s.id = p.session_id
left join lateral (
    select e.detail from case_events e
    where e.tenant_id = %(tenant_id)s and e.case_id = p.id and e.kind in ('opened', 'raised', 'evidence')
    order by e.severity desc, e.id desc
    limit 1
) e on true
left join lateral (
    select d.kind from dispositions d
    where d.tenant_id = %(tenant_id)s and d.case_id = p.id
    order by d.id desc
    limit 1
) d on true
order by p.closed_at desc, p.id desc
