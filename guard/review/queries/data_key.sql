-- The key that the tenant's text is encrypted with now, where there is one.
select id, wrapped from data_keys
where tenant_id = %(tenant_id)s and wrapped is not null
order by id
limit 1
