"""What was tried without us: failures that are brought to recovery, and history."""
