-- The event that the case's severity rests on: the latest of its highest.
select e.turn_id, e.severity, e.kind, e.at, e.detail
from case_events e
where e.tenant_id = %(tenant_id)s and e.case_id = %(case_id)s and e.kind in ('opened', 'raised', 'evidence')
order by e.severity desc, e.id desc
limit 1
