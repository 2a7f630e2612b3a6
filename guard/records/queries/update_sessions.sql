-- The limit takes nothing away: it tells the planner that these are few, so that it goes by the key however large the table.
with given as (
    select * from json_to_recordset(%(sessions)s::json) as g (
        tenant_id uuid, id uuid, version bigint, state jsonb, at timestamptz, zone text, person bytea
    )
    limit %(count)s
)
update sessions s
set state = g.state, version = s.version + 1, last_at = greatest(s.last_at, g.at), zone = coalesce(g.zone, s.zone),
    person = coalesce(s.person, g.person)
from given g
where s.tenant_id = g.tenant_id and s.id = g.id and s.version = g.version
returning s.tenant_id, s.id, s.version
