"""Is a corpus any good? The checks behind `domainsafety validate`."""
