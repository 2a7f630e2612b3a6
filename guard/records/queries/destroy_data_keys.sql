-- Crypto-shredding: without the wrapped key, what it encrypted cannot be read by anybody, in backups of the rows neither.
update data_keys set wrapped = null, destroyed_at = now()
where tenant_id = %(tenant_id)s and wrapped is not null
returning id
