"""Support routing: which specialist a ticket goes to, tried on a simulator whose speeds the router does not see."""
