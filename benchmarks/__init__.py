"""What `make bench` runs: our speed, side by side with a real peer where one is installed. Ratios of one run count."""
