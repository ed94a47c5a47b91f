"""Who may connect over TCP and what they may do; what operators did."""
