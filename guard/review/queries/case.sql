-- A case with its session, its lease and what the tenant says of itself.
select c.id, c.session_id, c.severity, c.state, c.owner, c.assigned_to, c.first_turn, c.last_turn, c.opened_at, c.raised_at,
    c.acknowledge_by, c.act_by, c.acknowledged_at, c.closed_at, c.version, c.synthetic, o.name as owner_name,
    s.zone, s.started_at, s.last_at, s.state as session_state,
    l.token, l.reviewer as holder, h.name as holder_name, l.expires_at,
    t.people, t.store_text, t.screens, t.deep_link, t.name as tenant_name
from cases c
join tenants t on t.id = c.tenant_id
left join reviewers o on o.tenant_id = c.tenant_id and o.id = c.owner
left join sessions s on s.tenant_id = c.tenant_id and s.id = c.session_id
left join case_leases l on l.tenant_id = c.tenant_id and l.case_id = c.id
left join reviewers h on h.tenant_id = c.tenant_id and h.id = l.reviewer
where c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
