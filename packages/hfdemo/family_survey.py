"""A simulated survey of families after closure: who was reached, who answered and what they said.

How many were contacted, answered and said what is a report's; which families did is drawn, with
those who closed to self-sufficiency a little easier to reach. Draws of its own: nothing else of a
study moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

ANSWERS = ("yes", "partly", "no")


@dataclass(frozen=True)
class Survey:
    """A wave as a report tells it; ``answers`` has per question how many said yes, partly and no.

    Those of the answered who are left over in a question gave it no answer.
    """

    wave: str
    first_day: str
    last_day: str
    contacted: int
    answered: int
    answers: Mapping[str, tuple[int, int, int]]


def build_survey(
    rng: np.random.Generator, households: pd.DataFrame, survey: Survey
) -> pd.DataFrame:
    """One row a family that had closed by the wave's end and question: status and answer."""
    end = np.datetime64(survey.last_day)
    closed = households["closed_on"].to_numpy().astype("datetime64[D]") <= end
    frame = households.loc[closed & households["group"].eq("participant").to_numpy()]
    ease = rng.random(len(frame)) - 0.25 * frame["closure_assessment"].eq("positive").to_numpy()
    order = np.argsort(ease, kind="stable")
    status = np.full(len(frame), "not_contacted", dtype=object)
    status[order[: survey.contacted]] = "no_answer"
    status[order[: survey.answered]] = "answered"
    parts = []
    for question, counts in survey.answers.items():
        said = np.repeat(np.array(ANSWERS, dtype=object), counts)
        said = np.append(said, np.full(survey.answered - len(said), None, dtype=object))
        answer = np.full(len(frame), None, dtype=object)
        answer[order[: survey.answered]] = rng.permutation(said)
        ids = frame["household_id"].to_numpy(object)
        parts.append(
            pd.DataFrame({"household_id": ids, "question": question, "answer": answer}).assign(
                wave=survey.wave, status=status
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    return rows.sort_values(["household_id", "question"], ignore_index=True, kind="stable")
