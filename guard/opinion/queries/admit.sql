-- Takes up what drew the lowest, as many as the day allows now.
update opinions o set state = 'asked', asked_at = now(), next_at = now()
from (
    select id from opinions where tenant_id = %(tenant_id)s and state = 'waiting' and model = %(model)s
        and rubric = any (%(rubrics)s::text[])
    order by draw
    limit %(allowed)s
    for update skip locked
) w
where o.tenant_id = %(tenant_id)s and o.id = w.id
