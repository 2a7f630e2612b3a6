insert into channels (tenant_id, id, name, kind, url, secret, topics, severity_from)
values (%(tenant_id)s, %(id)s, %(name)s, 'webhook', %(url)s, %(secret)s, %(topics)s, %(severity_from)s)
on conflict (tenant_id, name) do nothing
returning id
