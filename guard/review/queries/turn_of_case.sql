-- The latest attempt of a turn that belongs to a case: of its session, or one that it was opened or raised by.
select t.id, t.at, t.attempt, t.text_key, t.text_user, t.text_reply, t.delivered, k.wrapped
from cases c
join turns t on t.tenant_id = c.tenant_id and t.id = %(turn_id)s
left join data_keys k on k.tenant_id = t.tenant_id and k.id = t.text_key
where c.tenant_id = %(tenant_id)s and c.id = %(case_id)s
    and (t.session_id = c.session_id or t.id in (c.first_turn, c.last_turn) or exists (
        select from case_events e where e.tenant_id = c.tenant_id and e.case_id = c.id and e.turn_id = t.id
    ))
order by t.attempt desc
limit 1
