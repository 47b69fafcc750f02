"""The screens of a lane: pages for the person in front of the gate and for the guard, and the gate's voice."""
