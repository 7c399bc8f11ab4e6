"""What processors say they paid out: their reports read into one form, matched against what we know, both ways."""
