"""Move money once: payments, their attempts, and the captures, cancellations and refunds that follow."""
