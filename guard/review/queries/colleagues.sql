-- Those to whom a case can be given.
select id, name from reviewers
where tenant_id = %(tenant_id)s and disabled_at is null and 'reviewer' = any (roles) and id <> %(reviewer)s
order by name
limit 500
