-- What this turn has done to a case already, and the open case of the same key, locked.
select 'event' as found, e.case_id as id, e.severity, null::text as state, null::timestamptz as acknowledge_by,
    null::timestamptz as act_by
from case_events e
where e.tenant_id = %(tenant_id)s and e.turn_id = %(turn_id)s and e.kind in ('opened', 'raised', 'evidence')
union all
select * from (
    select 'case', c.id, c.severity, c.state, c.acknowledge_by, c.act_by
    from cases c
    where c.tenant_id = %(tenant_id)s and c.case_key = %(case_key)s and c.state <> 'closed'
    for update
) locked
