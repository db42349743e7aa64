"""Getting bytes to peers and trusting none of them: wire messages, peers, quotas, transports."""
