"""What a block means: apply_block(state, block) -> (state, receipts), and the values it is made of.

Reading order: errors, bodies, transactions, blocks, state, draft, fees, apply, build.
"""
