-- Whoever is to take a case that was handed off is told at once, on the first rung: of one who does not, the ladder tells.
insert into outbox (tenant_id, id, key, topic, payload, synthetic)
select c.tenant_id, %(id)s, 'case.' || %(key)s, 'case.unacknowledged',
    jsonb_build_object(
        'case_id', c.id, 'turn_id', c.last_turn, 'session_id', c.session_id, 'severity', c.severity,
        'acknowledge_by', c.acknowledge_by, 'act_by', c.act_by, 'opened_at', c.opened_at,
        'rung', 1, 'everybody', false, 'reason', 'handed_off'
    ),
    c.synthetic
from cases c
where c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
on conflict (tenant_id, key) do nothing
