select tenant_id from operational_alerts where kind = %(kind)s and closed_at is null
