-- Takes up what drew the lowest, as many as the day allows now. In a common table expression, which is run once whatever the
-- plan: a subquery with a limit may be run again for each row that it is joined with.
with lowest as materialized (
    select id from opinions where tenant_id = %(tenant_id)s and state = 'waiting' and model = %(model)s
        and rubric = any (%(rubrics)s::text[])
    order by draw
    limit %(allowed)s
    for update skip locked
)
update opinions o set state = 'asked', asked_at = now(), next_at = now()
from lowest w
where o.tenant_id = %(tenant_id)s and o.id = w.id
