update tenants set tag = %(tag)s, people = %(people)s, store_text = %(store_text)s, redact_upstream = %(redact_upstream)s,
    off = %(off)s, screens = %(screens)s, deep_link = %(deep_link)s, opinion_since = %(opinion_since)s
where id = %(id)s
