"""Virtual time: the clock with its timers, and the clocks of the date in this process."""
