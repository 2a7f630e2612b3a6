-- Deliveries that wait for it end by themselves: the worker finds it off.
update channels set enabled = false, disabled_reason = 'removed' where tenant_id = %(tenant_id)s and id = %(id)s
