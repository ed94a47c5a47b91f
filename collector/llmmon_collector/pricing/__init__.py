"""What tokens cost: price lists, exact coefficients, and whole columns priced at once."""
