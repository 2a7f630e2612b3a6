update sessions s
set state = a.state::jsonb, version = s.version + 1, last_at = greatest(s.last_at, a.at),
    zone = coalesce(a.zone, s.zone), person = coalesce(s.person, a.person)
from unnest(
    %(tenant_id)s::uuid[], %(id)s::uuid[], %(version)s::bigint[], %(state)s::text[], %(at)s::timestamptz[], %(zone)s::text[],
    %(person)s::bytea[]
) as a (tenant_id, id, version, state, at, zone, person)
where s.tenant_id = a.tenant_id and s.id = a.id and s.version = a.version
returning s.tenant_id, s.id, s.version
