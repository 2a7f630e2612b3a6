-- How many data keys of a tenant are not destroyed, and how many of its cases are not closed.
select (select count(*) from data_keys where tenant_id = %(tenant_id)s and wrapped is not null)::integer as keys,
       (select count(*) from cases where tenant_id = %(tenant_id)s and state <> 'closed')::integer as open_cases
