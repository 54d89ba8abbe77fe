"""``cronstack demo``: the main job in one command, on the flights that left New York in 2013."""
