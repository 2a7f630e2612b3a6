-- One tenant's chain from its first row on, as the bytes that were hashed.
select seq, trunc(extract(epoch from at) * 1000000)::text as microseconds, actor, action, subject, detail::text as detail,
       previous, hash
from audit_log where tenant_id = %(tenant_id)s order by seq
