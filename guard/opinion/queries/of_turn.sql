select o.side, o.rubric, o.model, o.state, o.labels, o.cut, o.ended_at
from opinions o
where o.tenant_id = %(tenant_id)s and o.turn_id = %(turn_id)s and o.state in ('answered', 'refused')
order by o.side desc, o.ended_at
