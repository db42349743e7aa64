"""Room 3: agreement on hashes. `core/step.py` decides; the rest is the values it needs."""
