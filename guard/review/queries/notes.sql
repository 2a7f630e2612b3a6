select n.id, n.at, n.reviewer, r.name, n.key_id, n.note, k.wrapped
from case_notes n
join data_keys k on k.tenant_id = n.tenant_id and k.id = n.key_id
left join reviewers r on r.tenant_id = n.tenant_id and r.id = n.reviewer
where n.tenant_id = %(tenant_id)s and n.case_id = %(case_id)s
order by n.id desc
limit 100
