"""The index of accounts on a PostgreSQL server, for an explorer that outgrows one machine."""
