"""What several guards share: the changes in their order, rules, budgets, and which node has which version in force."""
