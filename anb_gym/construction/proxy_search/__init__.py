"""Search for a cheap training scheme that keeps the ranking of architectures (paper, section 3.2).

=================  =================================================================
module             what it has
=================  =================================================================
``config``         what is searched, in YAML
``records``        the records of units, and what makes them
``running``        runs units and gathers outcomes
``race``           which schemes go on and which one wins
``statistics``     intervals and noise ceilings
``search``         the whole search
``report``         its result as JSON, text and a picture
=================  =================================================================

Its evaluator and where it runs, :mod:`~anb_gym.construction.trainer` and :mod:`~anb_gym.construction.executors`, are
those of collections too. Modules are imported by name: workers start faster without what only the search itself needs.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "construction")
