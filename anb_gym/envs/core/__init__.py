"""Parts of all environment families: episodes, actions, observations, infos, and many copies at once."""
