update turn_keys set attempts = greatest(attempts, %(attempt)s) where tenant_id = %(tenant_id)s and turn_id = %(turn_id)s
