"""Banking intent: from questions to an online bank (BANKING77) to a certified model of what each of them is about."""
