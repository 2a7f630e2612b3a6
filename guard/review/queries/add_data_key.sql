insert into data_keys (tenant_id, id, wrapped) values (%(tenant_id)s, %(id)s, %(wrapped)s)
