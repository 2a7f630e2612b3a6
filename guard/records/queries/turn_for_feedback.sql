-- A turn by its id or by one that was given out while the database was away, with the key of its tenant's text.
select t.turn_id as id, t.session_id, t.synthetic, k.id as key_id, k.wrapped
from turn_keys t
left join lateral (
    select k.id, k.wrapped from data_keys k
    where k.tenant_id = t.tenant_id and k.wrapped is not null
    order by k.id
    limit 1
) k on true
where t.tenant_id = %(tenant_id)s and t.turn_id = coalesce(
    (select l.turn_id from turn_aliases l where l.tenant_id = %(tenant_id)s and l.id = %(turn_id)s), %(turn_id)s
)
