insert into tenants (id, name, tag, people, store_text, redact_upstream, off, screens, deep_link, synthetic)
values (%(id)s, %(name)s, %(tag)s, %(people)s, %(store_text)s, %(redact_upstream)s, %(off)s, %(screens)s, %(deep_link)s,
    %(synthetic)s)
on conflict (name) do nothing
returning id
