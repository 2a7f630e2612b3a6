select c.id, c.session_id, c.severity, c.state, c.owner, c.case_key, c.first_turn, c.last_turn, c.raised_at,
    c.acknowledged_at, c.closed_at, c.version, c.synthetic
from cases c
where c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
for update
