"""Another name of :mod:`anb_gym.reports.fronts`."""

from anb_gym.reports.fronts import judges, member_table, write_report

__all__ = ["judges", "member_table", "write_report"]
