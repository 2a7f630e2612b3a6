-- What was said in this session about people who read along: the latest of each sentence.
select beat ->> 1 as variant, max(t.at) as at
from turns t
cross join lateral jsonb_array_elements(
    case jsonb_typeof(t.spoken -> 'compositions') when 'array' then t.spoken -> 'compositions' else '[]' end
) as composition
cross join lateral jsonb_array_elements(composition -> 'beats') as beat
where t.tenant_id = %(tenant_id)s and t.session_id = %(session_id)s and t.spoken <> '{}' and beat ->> 0 = 'people' and t.delivered <> 'none'
group by 1
order by 2 desc
