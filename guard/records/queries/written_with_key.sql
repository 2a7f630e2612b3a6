-- Whether a master key was ever used on this database: noted, or something is hashed or sealed with it.
select exists (select from master_keys) as recorded,
       exists (select from data_keys) or exists (select from channels where secret is not null)
       or exists (select from turn_keys) or exists (select from sessions)
       or exists (select from reviewers where totp_secret is not null) as used
