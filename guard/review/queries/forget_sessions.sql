-- What is over, some of it each time; and of one reviewer all but the newest nine.
with over as (
    select tenant_id, id from review_sessions where expires_at <= %(now)s order by expires_at limit 100
    for update skip locked
), most as (
    select tenant_id, id from review_sessions
    where tenant_id = %(tenant_id)s and reviewer_id = %(reviewer_id)s
    order by started_at desc, id desc offset 9
)
delete from review_sessions where (tenant_id, id) in (select * from over union select * from most)
