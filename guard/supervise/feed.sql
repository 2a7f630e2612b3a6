-- Turns of every tenant of this installation since an instant, as the supervisor's terminal shows them. No text.
select t.id, t.attempt, t.tried_at, t.action, t.status, t.severity, t.rules, t.delivered, t.case_id, n.name
from turns t
join tenants n on n.id = t.tenant_id
where t.tenant_id = any (select id from tenants) and t.at >= %(since)s
order by t.tried_at, t.id, t.attempt
limit 500
