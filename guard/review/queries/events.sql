-- What happened to a case, the latest first.
select e.id, e.kind, e.at, e.turn_id, e.severity, e.detail, r.name
from case_events e
left join reviewers r on r.tenant_id = e.tenant_id
    and r.id::text = coalesce(e.detail ->> 'by', e.detail ->> 'reviewer')
where e.tenant_id = %(tenant_id)s and e.case_id = %(case_id)s
order by e.at desc, e.id desc
limit 200
