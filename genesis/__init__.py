"""What all nodes agree on before block 1: units, limits, parameters, founders, documents."""
