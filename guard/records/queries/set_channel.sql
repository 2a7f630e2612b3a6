update channels set
    url = coalesce(%(url)s, url),
    topics = coalesce(%(topics)s::text[], topics),
    severity_from = coalesce(%(severity_from)s::smallint, severity_from)
where tenant_id = %(tenant_id)s and id = %(id)s
