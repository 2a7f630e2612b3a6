-- Tenants with a message of severity 3 or more that failed at least twice and still waits.
select d.tenant_id
from deliveries d
join outbox o on o.tenant_id = d.tenant_id and o.id = d.outbox_id
where d.state = 'pending' and d.attempts >= 2 and not d.synthetic
    and case when jsonb_typeof(o.payload -> 'severity') = 'number' then (o.payload ->> 'severity')::numeric else 0 end >= 3
group by d.tenant_id
