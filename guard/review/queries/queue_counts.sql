-- How many open cases there are by state and severity, how many of them are late, and how many are this reviewer's.
select c.state, c.severity, count(*) as cases,
    count(*) filter (
        where %(now)s > case when c.state in ('open', 'notified') then c.acknowledge_by else c.act_by end
    ) as late,
    count(*) filter (where c.owner = %(reviewer)s) as mine
from cases c
where c.tenant_id = %(tenant_id)s and c.state <> 'closed'
group by c.state, c.severity
