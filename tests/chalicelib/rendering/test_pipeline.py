"""The pipeline is what its table of contents says, in that order."""

import sys

from chalicelib.limits import Limits
from chalicelib.operations import OPERATIONS
from chalicelib.operations.output import choose
from chalicelib.parameters.schema import Operation
from chalicelib.rendering.renderer import PIPELINE, prepare
from support.originals import picture
from support.pictures import derivative_of
from support.pipeline import sources

EVERYTHING = "orient=3&rect=0,0,100,70&w=60&h=40&fit=crop&crop=edges&bg=fff&flip=h&rot=5&sharp=10&blur=5&fm=jpg"


def code(step):
    """What runs when a step of the pipeline does."""
    if isinstance(step, Operation):
        step = step.function
    return step.__init__.__code__ if isinstance(step, type) else step.__code__


def test_every_step_runs_in_the_order_of_the_pipeline():
    steps, ran = {code(step): step for step in PIPELINE}, []

    def note(frame, event, argument):
        step = steps.get(frame.f_code) if event == "call" else None
        if step is not None and step not in ran:
            ran.append(step)

    derivative = derivative_of(EVERYTHING)
    sys.setprofile(note)
    try:
        prepare(sources(picture()), [derivative], Limits()).render(derivative)
    finally:
        sys.setprofile(None)
    assert ran == list(PIPELINE)


def test_every_operation_but_the_choice_of_a_format_is_a_step():
    assert [step for step in PIPELINE if isinstance(step, Operation)] == [
        operation for operation in OPERATIONS if operation is not choose
    ]
