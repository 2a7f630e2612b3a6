-- What was not taken up goes; what was and found no answer in time, or is not to be asked any more, is given up. And what no
-- turn belongs to any more goes with it, by whichever way the turn went.
with passed as (
    delete from opinions where state = 'waiting' and created_at < now() - make_interval(secs => %(waits)s)
), over as (
    update opinions o set state = 'failed', ended_at = now(), reason = case
        when t.opinion_since is null or t.opinion_since > o.turn_at or t.disabled_at is not null then 'switched_off'
        else 'expired'
    end
    from tenants t
    where t.id = o.tenant_id and o.state = 'asked' and (
        o.asked_at < now() - make_interval(secs => %(lives)s)
        or t.opinion_since is null or t.opinion_since > o.turn_at or t.disabled_at is not null
    )
), ends as (
    delete from opinion_endpoints where at < now() - interval '30 days'
)
delete from opinions o
where not exists (select from turns t where t.tenant_id = o.tenant_id and t.id = o.turn_id and t.at = o.turn_at)
