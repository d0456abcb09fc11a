"""What all environment families are made of: episodes, actions, observations, infos, and many copies at once."""
