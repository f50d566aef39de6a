"""What each layer of the web path costs: routes that add one after the other, asked in turn in one process."""
