-- What was decided about a case, the latest first.
select d.id, d.kind, d.undoes, d.reviewer, r.name, d.at, d.severity
from dispositions d
left join reviewers r on r.tenant_id = d.tenant_id and r.id = d.reviewer
where d.tenant_id = %(tenant_id)s and d.case_id = %(case_id)s
order by d.id desc
limit 100
