"""Lines of a script as a recogniser writes them: spoken by synthetic voices, and heard by the product's own recogniser."""
