-- Tenants with a case of severity 3 or more whose promise is broken. To hand a case off is not to act on it.
select tenant_id from cases
where state <> 'closed' and not synthetic and severity >= 3
    and ((state in ('open', 'notified') and acknowledge_by < now()) or act_by < now())
group by tenant_id
