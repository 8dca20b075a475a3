"""Files, keys and queries that mean harm, all drawn here, and what imgy has to make of them: `make hostile`."""
