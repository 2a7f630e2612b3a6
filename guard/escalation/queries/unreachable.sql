-- Every channel gave a message of a case up: the case says so, once a message.
insert into case_events (tenant_id, case_id, id, key, kind, at, severity, detail)
select c.tenant_id, c.id, %(event_id)s, 'unreachable:' || o.id, 'unreachable', now(), c.severity,
    jsonb_build_object('message', o.id, 'error', %(error)s::text)
from outbox o
join cases c on c.tenant_id = o.tenant_id and c.id::text = coalesce(o.payload ->> 'case_id', o.payload ->> 'case')
where o.tenant_id = %(tenant_id)s and o.id = %(outbox_id)s and o.topic like 'case.%%'
on conflict (tenant_id, case_id, key) do nothing
