"""Room 3: agreement on hashes. `core/step.py` decides, everything else here is the values it needs."""
