-- Whether some tenant needs names to be found: its text is stored, or goes upstream with pseudonyms.
select exists (select from tenants where disabled_at is null and (store_text or redact_upstream <> 'off'))
