-- Contact details count once a message, whatever is repeated.
insert into referrals (tenant_id, turn_id, at, classes, resources, country, crisis, synthetic)
select tenant_id, turn_id, at, classes, resources, country, crisis, synthetic
from json_to_recordset(%(referrals)s::json) as r (
    tenant_id uuid, turn_id uuid, at timestamptz, classes text[], resources text[], country text, crisis boolean,
    synthetic boolean
)
order by tenant_id, turn_id
on conflict (tenant_id, turn_id) do nothing
