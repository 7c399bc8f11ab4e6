"""Words without a subject: money, ids, the clock and refusals; imports nothing of ours."""
