//! What the random cases once found, each under a name of its own.
