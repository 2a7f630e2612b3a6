-- One row for the relay, in the transaction of its cause.
insert into outbox (tenant_id, id, key, topic, payload, synthetic)
values (%(tenant_id)s, %(id)s, %(key)s, %(topic)s, %(payload)s::jsonb, %(synthetic)s)
on conflict (tenant_id, key) do nothing
