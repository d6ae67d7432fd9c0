"""Linear probes on a small open model: can its layers tell what it complies with?

Reads the rows of `domainsafety export STORE --for-probing rows.jsonl --text`, runs
each prompt through the model once, takes the hidden state at the last token of the
prompt in each layer, and fits a ridge probe in folds that keep a scenario whole: no
probe is tried on a scenario that it has seen. Printed, and drawn, is the area under the
ROC curve by layer, with a 95% interval (scenarios resampled whole) and, for the best
layer, a p-value by permuting the labels over whole scenarios (inside them where each
holds both kinds), the best layer chosen anew each time.

Needs: pip install torch transformers gguf accelerate numpy

    python probe.py rows.jsonl MODEL.gguf --out .
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

FOLDS = 5
RIDGE = 10.0
DRAWS = 500
MOST_TOKENS = 512
TARGETS = {
    "complies": "complied with or not (operational prompts)",
    "framing": "operational or analytical (all prompts; a check of the method)",
}


def rows_of(path: Path) -> list[dict]:
    """Return the rows of one user turn that have a label."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if not all("prompt" in row for row in rows):
        raise SystemExit(f"{path}: holds no prompts; export it with --text")
    kept = [row for row in rows if len(row["prompt"]) == 1]
    return [row for row in kept if row["complies"] is not None]


def states_of(rows: list[dict], gguf: Path) -> np.ndarray:
    """Return hidden states at the prompt's last token: (prompts, layers, width)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    ).eval()
    found = []
    for number, row in enumerate(rows, 1):
        told = [{"role": "user", "content": row["prompt"][0]}]
        if row.get("system"):
            told.insert(0, {"role": "system", "content": row["system"]})
        text = tokenizer.apply_chat_template(
            told, add_generation_prompt=True, tokenize=False
        )
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        with torch.no_grad():
            out = model(ids[:, -MOST_TOKENS:], output_hidden_states=True)
        found.append(torch.stack([h[0, -1] for h in out.hidden_states]).numpy())
        if number % 20 == 0:
            print(f"{number} of {len(rows)} prompts", flush=True)
    return np.stack(found)


def folds_of(groups: np.ndarray, seed: int) -> np.ndarray:
    """Return each prompt's fold; a scenario's prompts are all in one."""
    names = np.unique(groups)
    order = np.random.default_rng(seed).permutation(len(names)) % FOLDS
    return order[np.searchsorted(names, groups)]


def auc(truth: np.ndarray, score: np.ndarray) -> float:
    """Return the area under the ROC curve; nan where one kind is missing."""
    if truth.all() or not truth.any():
        return float("nan")
    values, place = np.unique(score, return_inverse=True)
    counts = np.bincount(place, minlength=len(values))
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    ones = truth.sum()
    wins = ranks[truth].sum() - ones * (ones + 1) / 2
    return float(wins / (ones * (len(truth) - ones)))


class Probe:
    """A ridge probe on one layer, by folds; fitted to new labels at little cost."""

    def __init__(self, states: np.ndarray, fold: np.ndarray) -> None:
        """Work out what does not hang on the labels."""
        self._fold = fold
        self._maps = []
        for number in range(FOLDS):
            train = fold != number
            middle, spread = states[train].mean(0), states[train].std(0) + 1e-6
            scaled = (states - middle) / spread / np.sqrt(states.shape[1])
            kernel = scaled[train] @ scaled[train].T
            solve = np.linalg.inv(kernel + RIDGE / train.sum() * np.eye(train.sum()))
            self._maps.append((train, scaled[~train] @ scaled[train].T @ solve))

    def scores(self, truth: np.ndarray) -> np.ndarray:
        """Return each prompt's score by the probe that has not seen its scenario.

        Within a fold they are ranks, since each fold's probe has a scale of its own.
        """
        found = np.zeros(len(truth))
        for train, apply in self._maps:
            target = truth[train] - truth[train].mean()
            raw = apply @ target
            found[~train] = (np.argsort(np.argsort(raw)) + 0.5) / len(raw)
        return found


def permuted(truth: np.ndarray, groups: np.ndarray, rng: np.random.Generator):
    """Return labels dealt anew to whole scenarios with as many prompts.

    Inside the scenarios where each holds both kinds: of one that all share, dealing to
    whole scenarios would change nothing.
    """
    new = truth.copy()
    inside = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    if all(truth[own].any() and not truth[own].all() for own in inside):
        for own in inside:
            new[own] = rng.permutation(truth[own])
        return new
    names, size = np.unique(groups, return_counts=True)
    places = {name: np.flatnonzero(groups == name) for name in names}
    for count in np.unique(size):
        same = names[size == count]
        for to, taken in zip(same, rng.permutation(same), strict=True):
            new[places[to]] = truth[places[taken]]
    return new


def probed(states: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> dict:
    """Return what the probes of all layers come to, and how sure that is."""
    fold = folds_of(groups, 42)
    probes = [Probe(states[:, layer], fold) for layer in range(states.shape[1])]
    scores = [probe.scores(truth) for probe in probes]
    areas = [auc(truth, score) for score in scores]
    best = int(np.nanargmax(areas))
    rng = np.random.default_rng(42)
    names = np.unique(groups)
    places = [np.flatnonzero(groups == name) for name in names]
    drawn = [
        np.concatenate([places[p] for p in rng.integers(0, len(names), len(names))])
        for _ in range(DRAWS)
    ]
    limits = [
        np.nanpercentile([auc(truth[d], score[d]) for d in drawn], [2.5, 97.5]).tolist()
        for score in scores
    ]
    chance = []
    for _ in range(DRAWS):
        dealt = permuted(truth, groups, rng)
        chance.append(max(auc(dealt, probe.scores(dealt)) for probe in probes))
    p = (1 + sum(one >= areas[best] for one in chance)) / (1 + DRAWS)
    return {
        "prompts": len(truth),
        "scenarios": len(names),
        "ones": int(truth.sum()),
        "auc": [round(area, 3) for area in areas],
        "ci": [[round(end, 3) for end in pair] for pair in limits],
        "best_layer": best,
        "p": round(p, 4),
        "chance_of_the_best": round(float(np.percentile(chance, 95)), 3),
    }


def words(name: str, found: dict) -> str:
    """Say what a probe came to, and how sure that is."""
    layer = found["best_layer"]
    low, high = found["ci"][layer]
    sure = "more than chance" if found["p"] <= 0.05 else "not told from chance"
    return (
        f"{TARGETS[name]}: best in layer {layer}, area {found['auc'][layer]:.2f} "
        f"[{low:.2f}, {high:.2f}], p = {found['p']:.3f} over all layers, {sure} "
        f"({found['ones']} of {found['prompts']} prompts, {found['scenarios']} "
        f"scenarios; the best layer of shuffled labels reaches "
        f"{found['chance_of_the_best']:.2f} in one of twenty)"
    )


def plot(results: dict, title: str) -> str:
    """Return areas by layer with their intervals, as SVG."""
    width, height, left, top = 640, 340, 60, 50
    colours = {"complies": "#0b6e4f", "framing": "#8a5a00"}
    most = max(len(found["auc"]) for found in results.values()) - 1
    across = lambda layer: left + (width - left - 20) * layer / max(1, most)  # noqa: E731
    down = lambda area: top + (height - top - 50) * (1 - area)  # noqa: E731
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="20" font-size="14">{title}</text>',
    ]
    for area in (0.0, 0.25, 0.5, 0.75, 1.0):
        dash = "" if area != 0.5 else ' stroke-dasharray="4 3"'
        parts.append(
            f'<line x1="{left}" x2="{width - 20}" y1="{down(area):.1f}" '
            f'y2="{down(area):.1f}" stroke="#bbb"{dash}/>'
            f'<text x="{left - 8}" y="{down(area) + 4:.1f}" text-anchor="end">'
            f"{area:.2f}</text>"
        )
    for number, (name, found) in enumerate(results.items()):
        colour = colours[name]
        ends = [
            (across(k), down(low), down(high))
            for k, (low, high) in enumerate(found["ci"])
        ]
        band = [f"{x:.1f},{low:.1f}" for x, low, _ in ends]
        band += [f"{x:.1f},{high:.1f}" for x, _, high in reversed(ends)]
        line = [f"{across(k):.1f},{down(a):.1f}" for k, a in enumerate(found["auc"])]
        parts += [
            f'<polygon points="{" ".join(band)}" fill="{colour}" opacity="0.15"/>',
            f'<polyline points="{" ".join(line)}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>',
            f'<text x="{left + number * 290}" y="40" fill="{colour}">'
            f"{TARGETS[name]}</text>",
        ]
    parts.append(
        f'<text x="{width / 2}" y="{height - 12}" text-anchor="middle">layer '
        f"(0: embeddings; {most}: the last)</text></svg>"
    )
    return "\n".join(parts)


def main() -> None:
    """Probe one model on one file of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    told = parser.parse_args()
    rows = rows_of(told.rows)
    if not rows:
        raise SystemExit(f"{told.rows}: no prompt of one turn has a label")
    states = states_of(rows, told.gguf)
    groups = np.array([f"{row['domain']}/{row['scenario']}" for row in rows])
    asked = np.array([row["framing"] == "operational" for row in rows])
    labels = np.array([bool(row["complies"]) for row in rows])
    results = {}
    for name, kept, truth in (
        ("complies", asked, labels),
        ("framing", np.ones(len(rows), dtype=bool), asked),
    ):
        chosen = truth[kept]
        if min(chosen.sum(), len(chosen) - chosen.sum()) < FOLDS:
            print(
                f"{TARGETS[name]}: fewer than {FOLDS} prompts of one kind; not probed"
            )
            continue
        results[name] = probed(states[kept], chosen, groups[kept])
        print(words(name, results[name]), flush=True)
    digest = hashlib.sha256(told.gguf.read_bytes()).hexdigest()
    told.out.mkdir(parents=True, exist_ok=True)
    document = {"model": told.gguf.name, "sha256": digest, "probes": results}
    (told.out / "probe.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if results:
        title = f"Linear probes on {told.gguf.name}"
        (told.out / "probe.svg").write_text(plot(results, title), "utf-8")


if __name__ == "__main__":
    main()
