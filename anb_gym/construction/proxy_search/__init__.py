"""Search for a cheap training scheme that keeps the ranking of architectures (paper, section 3.2).

=================  =================================================================
module             what it has
=================  =================================================================
``config``         what is searched, in YAML
``units``          the unit of work and its record
``trainer``        the evaluator that trains units
``executors``      where units run: local processes, Dask, MPI, SLURM jobs
``running``        runs units and gathers outcomes
``ranking``        Kendall's tau, and the largest that can still be reached
``race``           which schemes go on and which one wins
``statistics``     intervals and noise ceilings
``search``         the whole search
``report``         its result as JSON, text and a picture
=================  =================================================================

The modules are imported by name: workers start faster without what only the search itself needs.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "construction")
