-- Tenants with a case of severity 3 or more whose promise is broken, and those with none any more.
select tenant_id from cases
where state <> 'closed' and not synthetic and severity >= 3
    and ((state in ('open', 'notified') and acknowledge_by < now()) or ((state <> 'handed_off' or owner is null) and act_by < now()))
group by tenant_id
