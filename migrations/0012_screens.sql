-- Indications of depression and anxiety are read where a tenant asks for them, and nowhere else. Rolled back by
-- 0012_screens.rollback.sql.
-- depends: 0011_abandoned

alter table tenants add column screens boolean not null default false;
grant select (screens) on tenants
    to handrail_operator, handrail_policy_author, handrail_reviewer, handrail_sre, handrail_auditor;
grant update (screens) on tenants to handrail_operator;
