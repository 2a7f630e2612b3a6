-- Contact details count once a message, whatever is repeated.
insert into referrals (tenant_id, turn_id, at, classes, resources, country, crisis, synthetic)
select tenant_id, turn_id, at, array(select jsonb_array_elements_text(classes::jsonb)),
    array(select jsonb_array_elements_text(resources::jsonb)), country, crisis, synthetic
from unnest(
    %(tenant_id)s::uuid[], %(turn_id)s::uuid[], %(at)s::timestamptz[], %(classes)s::text[], %(resources)s::text[],
    %(country)s::text[], %(crisis)s::boolean[], %(synthetic)s::boolean[]
) as r (tenant_id, turn_id, at, classes, resources, country, crisis, synthetic)
order by tenant_id, turn_id
on conflict (tenant_id, turn_id) do nothing
