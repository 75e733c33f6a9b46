"""Make router/data/intent_weights.msgpack: the weights of Butler's intent model.

    python -m tools.train_intent [--with FILE]

FILE holds prompts of others with `gold_route`, one JSON object a line. It is no part of this
repository, as not all of its rows may be copied; the weights that ship were made with it. Needs
scikit-learn, which Butler itself doesn't. The same input makes the same file.
"""

import argparse
from pathlib import Path

import click
import msgspec

from tools import intent_data, intent_fit

WEIGHTS = Path(__file__).parent.parent / "router" / "data" / "intent_weights.msgpack"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the weights of the intent model.")
    parser.add_argument("--with", dest="others", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    rows = intent_data.with_variants(intent_data.own())
    if arguments.others:
        rows += intent_data.others(arguments.others)
    weights = intent_fit.fit(rows, [intent_fit.read(row) for row in rows])
    packed = msgspec.msgpack.encode(weights)
    arguments.out.write_bytes(packed)
    click.echo(f"{len(rows)} rows, {len(weights.signals)} signals, {len(packed):,} bytes")


if __name__ == "__main__":
    main()
