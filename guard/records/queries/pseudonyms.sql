-- A session's pseudonyms with the data key that they are encrypted with.
select p.version, p.sealed, p.key_id, k.wrapped
from pseudonyms p join data_keys k on k.tenant_id = p.tenant_id and k.id = p.key_id
where p.tenant_id = %(tenant_id)s and p.session = %(session)s
