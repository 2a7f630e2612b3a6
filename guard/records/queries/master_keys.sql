select version, fingerprint from master_keys
