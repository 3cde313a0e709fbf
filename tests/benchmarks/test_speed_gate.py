"""The speed gate fails for the state of the package that was known to be slow."""

import pandas as pd
import pytest

from benchmarks import speed_gate
from benchmarks.records import RESULTS


def measured(state):
    table = pd.read_csv(RESULTS / "speed" / "figures.csv")
    return table[table["state"] == state].groupby("figure")["value"].mean().to_dict()


def test_the_last_state_passes():
    assert speed_gate.beyond(measured("two parts")) == []


def test_the_state_before_the_remedies_fails_everywhere():
    exact = {"predict_same", "attention_difference"}
    assert set(speed_gate.beyond(measured("before"))) == speed_gate.LIMITS.keys() - exact


@pytest.mark.parametrize(("n_slow", "status"), [(0, 0), (1, 0), (2, 0), (3, 1)])
def test_a_busy_machine_is_asked_again(monkeypatch, capsys, n_slow, status):
    runs = iter([measured("before")] * n_slow + [measured("two parts")] * 3)
    monkeypatch.setattr(speed_gate, "measure", lambda: next(runs))
    monkeypatch.setattr("torch.set_num_threads", lambda n_threads: None)
    with pytest.raises(SystemExit) as ended:
        speed_gate.main()
    assert ended.value.code == status
    printed = capsys.readouterr().out
    assert printed.count("Measuring again") == min(n_slow, 2)
    assert ("FAILED" in printed) == bool(status)


def test_what_is_not_a_number_fails():
    assert not speed_gate.Limit(high=1.0).holds(float("nan"))
