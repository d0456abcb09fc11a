"""Analysis of a study's results: regret at any time, statistics, plots and the HTML report."""
