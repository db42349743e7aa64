"""What travels between nodes: messages, bytes, frames, handshake, catch-up plans; all pure."""
