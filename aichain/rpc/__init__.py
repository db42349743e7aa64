"""JSON-RPC over HTTP and WebSocket: what people and programs may ask a node, and how it answers."""
