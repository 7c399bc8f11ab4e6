"""What happens in the simulated world: chance, paydays, balances, issuers, faults. All of it is a function of facts."""
