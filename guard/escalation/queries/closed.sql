-- Deliveries that would tell of a case which was closed meanwhile: given up, and passed on to nobody. What an attempt met stays.
update deliveries d set state = 'failed', last_error = coalesce(d.last_error, 'case_closed')
from outbox o, cases k
where d.state = 'pending' and o.tenant_id = d.tenant_id and o.id = d.outbox_id and o.topic like 'case.%%'
    -- A payload is only believed to name a case where that is an id.
    and k.tenant_id = d.tenant_id and k.state = 'closed'
    and k.id = case when o.payload ->> 'case_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (o.payload ->> 'case_id')::uuid end
