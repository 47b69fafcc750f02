"""The panel of a simulated street: a page on which a person does what residents, weather and faults do to a gate."""
