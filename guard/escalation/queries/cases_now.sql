-- How many cases of real people stand where, and how many of them broke a promise.
select severity, state, count(*) as cases,
    count(*) filter (
        where (state in ('open', 'notified') and acknowledge_by < now()) or act_by < now()
    ) as overdue
from cases
where state <> 'closed' and not synthetic
group by severity, state
