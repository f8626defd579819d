"""The step of customer onboarding that is written in Python, as anybody would write one."""

from streams.steps import step


@step("onboarding.letter", effect="pure")
def letter(given_name: str, account: str) -> dict[str, str]:
    """Writes the letter that welcomes a customer."""
    return {
        "subject": f"Welcome, {given_name}",
        "text": f"Your account {account} is open. Thank you for coming to us.",
    }
