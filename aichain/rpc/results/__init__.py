"""What methods answer: one type per result, for the server, its OpenRPC document and clients."""
