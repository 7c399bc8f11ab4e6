"""What Recoup costs: throughput and latency, each beside a bare limit measured in the same run."""
