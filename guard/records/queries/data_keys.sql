-- The data key that each tenant's text is encrypted with now. Shared locks: a key is not destroyed under a writer.
select k.tenant_id, k.id, k.wrapped from data_keys k
where k.tenant_id = any (%(tenant_ids)s::uuid[]) and k.wrapped is not null
order by k.tenant_id, k.id
for share
