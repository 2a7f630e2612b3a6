-- The fingerprint that stands then: whoever comes second gets the first one's.
insert into master_keys (version, fingerprint) values (%(version)s, %(fingerprint)s)
on conflict (version) do update set first_used_at = master_keys.first_used_at
returning fingerprint
