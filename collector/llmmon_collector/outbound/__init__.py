"""What checks and channels share when they go out over the network: nothing may hold them up."""
