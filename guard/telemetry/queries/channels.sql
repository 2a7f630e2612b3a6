select kind, case when enabled then 'enabled' else 'disabled' end as state, count(*)::bigint as channels
from channels group by 1, 2
