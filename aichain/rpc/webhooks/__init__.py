"""Webhooks: what becomes final is posted, signed, to addresses that the operator named."""
