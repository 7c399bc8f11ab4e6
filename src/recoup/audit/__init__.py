"""Is what we say true? Cases: what a person should look at, each with what to do."""
