"""What is done to the home of a node that is stopped: looked at, checked, moved, made smaller."""
