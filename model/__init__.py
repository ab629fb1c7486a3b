"""AM²-EmoJE as plain torch modules, its streaming state, and its trained weights."""
