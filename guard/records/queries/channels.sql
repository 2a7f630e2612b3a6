select id, name, kind, url, topics, severity_from, rung, enabled, disabled_reason,
       case when previous_until > now() then previous_until end as previous_until, created_at
from channels where tenant_id = %(tenant_id)s order by name
