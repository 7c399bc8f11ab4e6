"""The order of events in routing: a choice, what is learned from its answers, and who is well."""
