-- Writes what one attempt met. A success is written whoever was faster; anything else only by the attempt that is current.
update deliveries
set state = %(state)s, last_status = %(status)s, last_error = %(error)s,
    next_at = now() + make_interval(secs => %(wait)s),
    delivered_at = case when %(state)s = 'delivered' then now() end
where tenant_id = %(tenant_id)s and outbox_id = %(outbox_id)s and channel_id = %(channel_id)s
    and (
        (%(state)s = 'delivered' and state <> 'delivered')
        or (%(state)s <> 'delivered' and state = 'pending' and attempts = %(attempt)s)
    )
returning 1
