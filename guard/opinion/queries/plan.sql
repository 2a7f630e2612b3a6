-- Grey turns, once a side, rubric and model, and how far the tenant's turns were looked at: one statement, so that a crash
-- leaves both or neither.
with seen as (
    insert into opinion_cursors (tenant_id, at, turn_id) values (%(tenant_id)s, %(at)s, %(turn_id)s)
    on conflict (tenant_id) do update set at = excluded.at, turn_id = excluded.turn_id
    where (opinion_cursors.at, opinion_cursors.turn_id) < (excluded.at, excluded.turn_id)
)
insert into opinions (tenant_id, id, turn_id, turn_at, attempt, side, rubric, model, why, draw)
select %(tenant_id)s, g.*
from unnest(
    %(ids)s::uuid[], %(turn_ids)s::uuid[], %(turn_ats)s::timestamptz[], %(attempts)s::smallint[], %(sides)s::text[],
    %(rubrics)s::text[], %(models)s::text[], %(whys)s::text[], %(draws)s::real[]
) as g (id, turn_id, turn_at, attempt, side, rubric, model, why, draw)
on conflict (tenant_id, turn_id, side, rubric, model) do nothing
