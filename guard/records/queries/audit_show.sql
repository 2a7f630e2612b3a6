-- The newest rows that are asked for. An action stands for those below it too: channel for channel.added.
select seq, at, actor, action, subject, detail::text as detail
from audit_log
where tenant_id = %(tenant_id)s
    and (%(actor)s::text is null or actor = %(actor)s)
    and (%(action)s::text is null or action = %(action)s or starts_with(action, %(action)s || '.'))
    and (%(subject)s::text is null or subject = %(subject)s)
    and (%(since)s::timestamptz is null or at >= %(since)s)
    and (%(until)s::timestamptz is null or at < %(until)s)
order by seq desc limit %(limit)s
