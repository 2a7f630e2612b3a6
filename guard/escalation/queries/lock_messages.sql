-- One writer a message at a time decides who else is to be told of it.
select 1 from outbox where tenant_id = %(tenant_id)s and id = any (%(outbox_ids)s::uuid[]) order by id for update
