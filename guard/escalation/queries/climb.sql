-- One step of the ladder: a message, and the event that says so. Both once, whatever is repeated.
with told as (
    insert into outbox (tenant_id, id, key, topic, payload)
    select c.tenant_id, %(outbox_id)s, 'case.' || %(key)s, 'case.unacknowledged',
        jsonb_build_object(
            'case_id', c.id, 'turn_id', c.last_turn, 'session_id', c.session_id, 'severity', c.severity,
            'acknowledge_by', c.acknowledge_by, 'act_by', c.act_by, 'opened_at', c.opened_at,
            'rung', %(rung)s::integer, 'everybody', %(everybody)s::boolean
        ) || jsonb_strip_nulls(jsonb_build_object('reason', %(reason)s::text))
    from cases c
    where c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
    on conflict (tenant_id, key) do nothing
    returning id
)
insert into case_events (tenant_id, case_id, id, key, kind, at, severity, detail)
select c.tenant_id, c.id, %(event_id)s, %(key)s, 'unacknowledged', now(), c.severity,
    jsonb_build_object('rung', %(rung)s::integer, 'everybody', %(everybody)s::boolean, 'message', told.id)
from told
join cases c on c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
on conflict (tenant_id, case_id, key) do nothing
