update opinion_endpoints set open_until = now() + make_interval(secs => %(wait)s) where endpoint = %(endpoint)s
