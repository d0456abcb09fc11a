"""Every page, table and picture that the package writes.

==================  ================================================================
module              what it has
==================  ================================================================
``markdown``        the writer of tables, and names that may come from elsewhere
``drawing``         figures that belong to no window: colours, look, files
``plane``           searches, exact fronts and agreement in the plane of two objectives
``styles``          how controllers look, what measures and metrics are called
``fronts``          ``fronts.md``: the exact fronts, and how far to trust them
``surrogates``      held-out scores beside the paper's
``paper``           figures of the paper, as numbers
``paper_tables``    its Tables 1 and 2, as text and drawn
``paper_figures``   its Figures 4 and 5b
``leaderboard``     ``leaderboard.md`` and what ships beside it
``tasks``           ``tasks.md``: how hard tasks are
``html_report``     ``report.html``: a study in one file
``interactive``     the figures in it, which ``figures.js`` draws
``plots``           figures of a study, fit for a paper
``pictures``        all of them, as files
``agent_report``    ``report.html`` of an agent's training, and its learning curve
``agent_figures``   the figures in it
``event_log``       what TensorBoard shows of a training
``pages``           pages in HTML that open without a network
==================  ================================================================

What they show is computed elsewhere: :mod:`anb_gym.study.analysis` has the statistics. Modules are imported when they
are first named, and need ``pip install 'anb_gym[study]'``; ``fronts``, ``surrogates``, ``paper_tables`` and ``plane``
are content with ``anb_gym[pareto]``, ``agent_report``, ``agent_figures`` and ``event_log`` with ``anb_gym[agents]``.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "study")
