-- Of each severity the unacknowledged case that is due first: since when it waits, and until when it may.
select distinct on (severity) severity,
    extract(epoch from raised_at)::double precision as since,
    extract(epoch from acknowledge_by)::double precision as until
from cases
where state in ('open', 'notified') and not synthetic
order by severity, acknowledge_by, raised_at
