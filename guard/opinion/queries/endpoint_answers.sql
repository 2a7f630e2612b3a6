insert into opinion_endpoints (endpoint) values (%(endpoint)s)
on conflict (endpoint) do update set failures = 0, open_until = '-infinity', last_error = null, at = now()
