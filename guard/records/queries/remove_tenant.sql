-- Takes a tenant away to whom nothing was ever said. What has no foreign key is asked for; what has one refuses.
with unused as (
    select id from tenants where id = %(tenant_id)s
        and not exists (select from turn_keys where tenant_id = %(tenant_id)s)
        and not exists (select from turns where tenant_id = %(tenant_id)s)
        and not exists (select from outbox where tenant_id = %(tenant_id)s)
        and not exists (select from referrals where tenant_id = %(tenant_id)s)
        and not exists (select from notices where tenant_id = %(tenant_id)s)
), keys as (
    delete from api_keys k using unused u where k.tenant_id = u.id
), people as (
    delete from reviewers r using unused u where r.tenant_id = u.id
), ways as (
    delete from channels c using unused u where c.tenant_id = u.id
)
delete from tenants t using unused u where t.id = u.id returning t.id
