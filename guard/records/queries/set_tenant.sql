update tenants set tag = %(tag)s, people = %(people)s, store_text = %(store_text)s, off = %(off)s, deep_link = %(deep_link)s
where id = %(id)s
