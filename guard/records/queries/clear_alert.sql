update operational_alerts set closed_at = now(), last_at = now()
where tenant_id = %(tenant_id)s and kind = %(kind)s and closed_at is null
