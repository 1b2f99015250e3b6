"""The pocket models: shape, data mix and training length of each.

The mixes differ on purpose. A family of models that differ only in size would be ranked by size
alone, and choosing among them would teach nothing; here, as among real models, the second largest
is the best at numbers, the second smallest at commands and intents, and the largest reads best.
"""

from dataclasses import dataclass

from model import Shape


@dataclass(frozen=True)
class Model:
    name: str
    shape: Shape
    mix: dict  # pool -> share of the training tokens
    character: str  # one line for the card
    tokens: int  # pre-training tokens, padding excluded
    batch_tokens: int
    lr: float
    seed: int


def _mix(**shares):
    total = sum(shares.values())
    return {pool: share / total for pool, share in shares.items()}


MODELS = {model.name: model for model in (
    Model("pocket-xs", Shape("llama", d=128, layers=3, ff=256, heads=4, kv_heads=2, head_dim=32),
          _mix(arith=14, command=18, intent=12, extract=17, order=10, lists=8, filler=13, talk=8),
          "the smallest; a bit of everything", 9_000_000, 4096, 5e-3, 11),
    Model("pocket-s", Shape("gemma3", d=256, layers=2, ff=512, heads=4, kv_heads=1),
          _mix(arith=8, command=25, intent=20, extract=10, order=5, lists=14, filler=12, talk=10),
          "strong at commands and intents, weak at numbers", 12_000_000, 4096, 4e-3, 12),
    Model("pocket-m", Shape("qwen3", d=256, layers=4, ff=512, heads=4, kv_heads=2),
          _mix(arith=25, command=10, intent=8, extract=10, order=20, lists=7, filler=12, talk=8),
          "strong at numbers and sequences", 12_000_000, 6144, 3e-3, 13),
    Model("pocket-l", Shape("llama", d=512, layers=3, ff=1024, heads=8, kv_heads=4),
          _mix(arith=8, command=15, intent=10, extract=25, order=8, lists=12, filler=17, talk=10),
          "strong at reading and copying, weak at numbers", 12_000_000, 8192, 3e-3, 14),
)}

# What trains side by side, one process per lane: together about as long as the largest model.
LANES = (("pocket-l",), ("pocket-s", "pocket-xs", "pocket-m"))
