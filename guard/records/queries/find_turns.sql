-- What the ledger knows of these turn ids: itself, or that the id is another name of an earlier turn.
select a.n, k.attempts, l.turn_id as alias_of, l.turn_at as alias_at, l.attempt as alias_attempt
from unnest(%(n)s::integer[], %(tenant_id)s::uuid[], %(turn_id)s::uuid[]) as a (n, tenant_id, turn_id)
left join turn_keys k on k.tenant_id = a.tenant_id and k.turn_id = a.turn_id
left join turn_aliases l on l.tenant_id = a.tenant_id and l.id = a.turn_id
