-- A page of feedback: what nobody has read, the gravest kind first, then the oldest; or what was read, the newest first.
-- Never a note: whether there is one that can be opened.
with page as (
    select f.id, f.turn_id, f.kind, f.at, array_position(array['harmful', 'missed', 'unwanted', 'helpful'], f.kind) as rank,
        v.verdict, v.reviewer, v.at as reviewed_at
    from feedback f
    left join feedback_reviews v on v.tenant_id = f.tenant_id and v.feedback_id = f.id
    where f.tenant_id = %(tenant_id)s and (v.feedback_id is not null) = %(seen)s
        and (%(kind)s::text is null or f.kind = %(kind)s)
        and (%(after_id)s::uuid is null or case when %(seen)s
            then f.id < %(after_id)s::uuid
            else (array_position(array['harmful', 'missed', 'unwanted', 'helpful'], f.kind), f.id)
                > (%(after_rank)s::integer, %(after_id)s::uuid)
        end)
    order by case when not %(seen)s then array_position(array['harmful', 'missed', 'unwanted', 'helpful'], f.kind) end,
        case when not %(seen)s then f.id end, f.id desc
    limit %(limit)s
)
select p.*, r.name as reviewer_name, (
        select e.case_id from case_events e
        where e.tenant_id = %(tenant_id)s and e.turn_id = p.turn_id
        order by e.id desc
        limit 1
    ) as case_id
from page p
left join reviewers r on r.tenant_id = %(tenant_id)s and r.id = p.reviewer
order by case when not %(seen)s then p.rank end, case when not %(seen)s then p.id end, p.id desc
