"""The block explorer that a node serves at its RPC address."""
