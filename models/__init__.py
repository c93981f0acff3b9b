"""The networks, their losses and their training. They import nothing from the rest of TAP Live."""
