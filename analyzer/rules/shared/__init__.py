"""What rules share: how sure silence makes, what a refusal is, which remedies apply, how a thing is said.

Enters: IKE SAs. Leaves: answers that more than one rule asks for; no rule is here.
"""
