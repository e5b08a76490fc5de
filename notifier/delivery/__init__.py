"""From a campaign to outcomes: enrolment, throttling, retries, verdicts and the engine."""
