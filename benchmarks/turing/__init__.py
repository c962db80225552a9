"""Table 1, the visual Turing test of section 3.1, for people: a page on this machine, and what the answers show."""
