"""A cell is compared: what it promises, what it gave, and the first difference."""
