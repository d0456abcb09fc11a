"""An interrupted search goes on where it stopped, and ends with the same front."""

from __future__ import annotations

import numpy as np
import pytest

from anb_gym.exact import maximize, pareto_front

FIXED = {0: 5}


class Interrupt:
    """Raises KeyboardInterrupt once a share of the space is closed."""

    def __init__(self, at):
        self.at, self.shares = at, []

    def __call__(self, share):
        self.shares.append(share)
        if share >= self.at:
            raise KeyboardInterrupt


def test_interrupted_search_goes_on(make_tables, tmp_path):
    a, b = make_tables("smooth", 2, 5), make_tables("smooth", 2, 6)
    path = tmp_path / "search.npz"
    whole = pareto_front(a, b, (True, False), fixed=FIXED)
    first, second = Interrupt(0.3), Interrupt(0.7)
    for interrupt in (first, second):
        with pytest.raises(KeyboardInterrupt):
            pareto_front(a, b, (True, False), fixed=FIXED, progress=interrupt, checkpoint=path, workers=1)
        assert path.exists()
    assert second.shares[0] == first.shares[-1]
    shares = []
    front = pareto_front(a, b, (True, False), fixed=FIXED, progress=shares.append, checkpoint=path)
    assert shares[0] == second.shares[-1]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    np.testing.assert_array_equal(front.indices, whole.indices)
    np.testing.assert_array_equal(front.objectives, whole.objectives)
    assert front.certificate.covered == whole.certificate.covered
    assert list(tmp_path.iterdir()) == []


def test_interrupted_at_the_end_it_has_nothing_left_to_do(make_tables, tmp_path):
    a, b = make_tables("integer", 2, 5), make_tables("integer", 2, 6)
    path = tmp_path / "search.npz"
    with pytest.raises(KeyboardInterrupt):
        pareto_front(a, b, (True, False), fixed=FIXED, progress=Interrupt(1.0), checkpoint=path)
    assert path.exists()
    front = pareto_front(a, b, (True, False), fixed=FIXED, checkpoint=path)
    np.testing.assert_array_equal(front.indices, pareto_front(a, b, (True, False), fixed=FIXED).indices)


def test_checkpoint_of_another_search_is_refused(make_tables, tmp_path):
    a, b = make_tables("integer", 2, 5), make_tables("integer", 2, 6)
    path = tmp_path / "search.npz"
    with pytest.raises(KeyboardInterrupt):
        maximize(a, fixed=FIXED, progress=Interrupt(0.0), checkpoint=path)
    with pytest.raises(ValueError, match="another search"):
        maximize(b, fixed=FIXED, checkpoint=path)
    assert maximize(a, fixed=FIXED, checkpoint=path) == maximize(a, fixed=FIXED)


def test_damaged_checkpoint_is_refused(make_tables, tmp_path):
    path = tmp_path / "search.npz"
    path.write_bytes(b"PK not an archive")
    with pytest.raises(ValueError, match="cannot be read"):
        maximize(make_tables("integer", 1, 0), checkpoint=path)


def test_progress_bar(make_tables, capsys):
    maximize(make_tables("integer", 1, 0), progress=True, fixed=dict.fromkeys(range(5), 0))
    assert "share of the space closed" in capsys.readouterr().err
