"""How long calls on the wall clock are going to take, and at what price, before the first is made."""

from __future__ import annotations

from fdbench.stages.order import prompt_s
from fdbench.stages.plan import Plan
from fdbench.store.run import Run


def estimate_of(plan: Plan) -> tuple[str, ...]:
    """A line for a person; nothing where no time passes, or all calls have been made."""
    collection = plan.collection
    if collection.clock != "realtime":
        return ()
    run = Run.for_collection(plan.request.out, collection)
    waiting = [take for take in plan.takes if not run.is_done(take.id)]
    if not waiting:
        return ()
    prompts_s = sum(prompt_s(take, plan.request.examiner.duration_s) for take in waiting)
    least_s = prompts_s + len(waiting) * (collection.lead_in_s + collection.tail_silence_s)
    most_s = prompts_s + len(waiting) * (collection.lead_in_s + collection.tail_limit_s)
    at_once = min(collection.slots, len(waiting))
    line = (
        f"{len(waiting)} calls on the wall clock, {at_once} at once: {_minutes(least_s / at_once)} to "
        f"{_minutes(most_s / at_once)} min ({_minutes(least_s)} to {_minutes(most_s)} min of conversation)"
    )
    least, most = plan.price_of(least_s / 60), plan.price_of(most_s / 60)
    price = "what they cost is not known here"
    if least is not None and most is not None:
        price = f"about {least:.2f} to {most:.2f} at the price given"
    options = {"--max-minutes": plan.request.max_minutes, "--max-cost": plan.request.max_cost}
    limits = [f"{name} {value:g}" for name, value in options.items() if value is not None]
    return (f"{line}; {price}" + (f"; at most {' and '.join(limits)}" if limits else ""),)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}" if seconds < 600 else f"{seconds / 60:.0f}"
