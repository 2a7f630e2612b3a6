insert into opinion_endpoints as e (endpoint, failures, last_error) values (%(endpoint)s, 1, %(reason)s)
on conflict (endpoint) do update set failures = least(e.failures + 1, 1000), last_error = excluded.last_error, at = now()
returning failures
