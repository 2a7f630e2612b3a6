-- Channels of kinds that the tables before did not know go, with the rows of their deliveries.
delete from deliveries d using channels c where c.tenant_id = d.tenant_id and c.id = d.channel_id and c.kind <> 'webhook';
delete from channels where kind <> 'webhook';
drop index cases_expiring, cases_ladder, deliveries_given_up;
alter table cases drop column next_rung_at, drop column rung;
alter table deliveries drop column instead_of, drop column spent;
alter table channels
    drop constraint channels_previous_check,
    drop constraint channels_secret_check,
    drop constraint channels_kind_check,
    add constraint channels_kind_check check (kind in ('webhook')),
    alter column secret set not null,
    drop column previous_until,
    drop column previous_secret,
    drop column rung;
