-- What came of the attempt that is current.
update opinions
set state = %(state)s, reason = %(reason)s, labels = %(labels)s::jsonb, seconds = %(seconds)s, cut = %(cut)s, ended_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'asked' and attempts = %(attempts)s
