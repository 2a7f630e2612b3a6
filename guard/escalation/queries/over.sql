-- Closes alerts whose cause is gone. Those of late deliveries and broken promises are matched with what is, elsewhere.
with untold as (
    -- Tenants with a case of severity 3 or more that waits, or was abandoned, and of which the last message reached nobody. One that was raised
    -- since does not count as told.
    select c.tenant_id from cases c
    left join case_leases l on l.tenant_id = c.tenant_id and l.case_id = c.id
    cross join lateral (
        select e.kind from case_events e
        where e.tenant_id = c.tenant_id and e.case_id = c.id
            and (e.kind = 'unreachable' or (e.kind = 'notified' and e.severity >= c.severity))
        order by e.at desc limit 1
    ) last
    where c.severity >= 3 and c.state <> 'closed' and last.kind = 'unreachable'
        and (c.state <> 'acknowledged' or greatest(c.act_by, l.expires_at) <= now())
)
update operational_alerts a set closed_at = now()
where a.closed_at is null and case a.kind
    when 'escalation_channel_disabled' then not exists (
        select from channels c where c.tenant_id = a.tenant_id and not c.enabled and c.disabled_reason = 'gone'
    )
    when 'escalation_delivery_dead' then not exists (
        select from deliveries d
        where d.tenant_id = a.tenant_id and d.state = 'dead' and d.created_at > now() - interval '7 days'
    )
    when 'escalation_delivery_refused' then not exists (
        select from deliveries d
        join channels c on c.tenant_id = d.tenant_id and c.id = d.channel_id and c.enabled
        where d.tenant_id = a.tenant_id and d.state <> 'delivered' and d.created_at > now() - interval '7 days'
            and (d.last_error ~ '^(address|secret)_' or d.last_error in ('smtp_auth', 'smtp_unset', 'smtp_no_tls'))
    )
    when 'escalation_case_unheard' then exists (
        select from channels c
        where c.tenant_id = a.tenant_id and c.enabled and c.topics && array['case.opened', 'case.raised']
    ) and not exists (select from untold u where u.tenant_id = a.tenant_id)
    when 'escalation_case_unreachable' then not exists (select from untold u where u.tenant_id = a.tenant_id)
    else false
end
