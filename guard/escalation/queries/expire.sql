-- Cases of severity 0 and 1 end by themselves when nobody took them until their time was over. From severity 2 on none does.
with over as (
    select tenant_id, id from cases
    where state in ('open', 'notified') and severity < 2 and act_by < now()
    order by act_by
    limit %(batch)s
    for update skip locked
), expired as (
    update cases c set state = 'closed', closed_at = now(), version = c.version + 1
    from over where c.tenant_id = over.tenant_id and c.id = over.id
    returning c.tenant_id, c.id, c.severity, c.version
)
insert into case_events (tenant_id, case_id, id, key, kind, at, severity)
select tenant_id, id, gen_random_uuid(), 'expired:' || version, 'expired', now(), severity from expired
on conflict (tenant_id, case_id, key) do nothing
